"""Price of an order, in cents."""


def price(order):
    cents = order["cents"]
    voucher = order.get("voucher")
    if voucher:
        cents = cents * (1 - voucher["percent"] / 100)
    return cents
