"""The report an office owes by Decree 30/2020/NĐ-CP: its figures, its sentences, the Word file they go into."""
