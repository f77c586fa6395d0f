# Computes what each seller gets of the orders of a day.

settle <- function(orders, fees) {
  settled <- merge(orders, fees, by = "category")
  settled$cents <- round(settled$price_cents * (1 - settled$fee))
  settled$payout <- paste0("PO-", settled$run, "-", settled$seller)
  settled[, c("payout", "seller", "order", "cents")]
}
