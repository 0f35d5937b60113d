"""For whoever writes a vendor, here or in a package of their own: the one table of cases and a stand-in to meet it.

``standin.py`` is a real socket that answers from a script. ``cases.py`` has the cases that every vendor must pass,
``dialect.py`` what a vendor's test gives and how a case is driven. Nothing else of the engine imports this room.
"""
