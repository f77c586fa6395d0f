import unittest

from archive import row


class RowTest(unittest.TestCase):
    def test_comment_becomes_row(self):
        comment = {"id": 1, "author": "a", "written_at": "2026-01-02T03:04:05+00:00", "text": "hello"}
        self.assertEqual(row(comment)[2].hour, 3)


if __name__ == "__main__":
    unittest.main()
