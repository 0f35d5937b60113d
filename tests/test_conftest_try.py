from engine.store.database import Database
def test_a(prepared):
    with prepared.database.read() as c:
        assert c.exec_driver_sql("select count(*) from key_check").scalar()==1
def test_b(database_url):
    print(database_url)
def test_c(settings): pass
