"""Administrative units of Viet Nam before and since 2025-07-01: look-up, names, history, membership."""
