"""What IB says with an error's number, for those that a fault may ask for without a text."""

_ORDER_TEXTS = {
    100: "Max rate of messages per second has been exceeded.",
    103: "Duplicate order id",
    104: "Cannot modify a filled order.",
    105: "Order being modified does not match original order.",
    106: "Can't transmit order ID:",
    107: "Cannot transmit incomplete order.",
    109: "Price is out of the range defined by the percentage set at order defaults.",
    110: "The price does not conform to the minimum price variation for this contract.",
    111: "The Time in force (tif type) and the order type are incompatible.",
    113: "The Tif option should be set to DAY for MOC and LOC orders.",
    135: "Can't find order with ID =",
    136: "This order cannot be cancelled.",
    154: "Order cannot be transmitted for a halted security.",
    161: "Cancel attempted when order is not in a cancellable state. Order permId =",
    200: "No security definition has been found for the request",
    201: "Order rejected - reason:",
    202: "Order Canceled - reason:",
    203: "The security is not available or allowed for this account.",
    320: "Error reading request.",
    321: "Error validating request.",
    322: "Error processing request.",
    329: "Order modify failed. Cannot change to the new order type.",
    354: "Requested market data is not subscribed.",
    387: "Unsupported order type for this exchange and security type.",
    388: "Order size is smaller than the minimum requirement.",
    392: "The contract is expired.",
    399: "Order message error",
    404: "Shares for this order are not immediately available for short sale. "
    "The order will be held while we attempt to locate the shares.",
    412: "The contract is not available for trading.",
    434: "The order size cannot be zero.",
    435: "You must specify an account.",
    460: "No trading permissions.",
    461: "The order size is invalid for a fractional or whole quantity.",
    462: "Cannot change to the new Time in Force:",
    463: "You must enter a valid price.",
    478: "Parameters in request conflicts with contract parameters received by contract id",
    492: "Sharing of market data is limited.",
    2102: "Unable to modify this order as it is still being processed.",
    2109: "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the "
    "order type and destination. PlaceOrder is now processed.",
    2137: "Cross Side Warning: The closing order quantity is greater than your current position.",
    2161: "In accordance with our regulatory obligations as a broker, your order is subject to a "
    "price cap.",
    10006: "Missing parent order.",
    10052: "Invalid time in force:",
    10147: "OrderId that needs to be cancelled is not found.",
    10148: "OrderId that needs to be cancelled can not be cancelled, state:",
    10149: "Invalid trigger method for this order.",
    10243: "Fractional-sized order cannot be placed via API. Please use desktop version to place "
    "this order.",
    10244: "Cash Quantity cannot be used for this order",
    10311: "This order will be directly routed. Direct routed orders may result in higher fees.",
    10326: "OCA group revision is not allowed.",
    10328: "Connection lost, order data could not be resolved",
    10349: "Order TIF was set to DAY based on order preset.",
}


def text_of_code(code: int) -> str:
    """IB's text for that number, as far as it is known; else one that says whose it is."""
    return _ORDER_TEXTS.get(code, "a fault of the simulator")
