import unittest

from billing.subscriptions import from_event


class SubscriptionTest(unittest.TestCase):
    def test_event_is_read(self):
        subscription = {"id": "sub_1", "customer": "cus_1", "status": "active", "current_period_end": 1700000000}
        found = from_event({"type": "customer.subscription.updated", "data": {"object": subscription}})
        self.assertEqual((found.id, found.paid_until.year), ("sub_1", 2023))


if __name__ == "__main__":
    unittest.main()
