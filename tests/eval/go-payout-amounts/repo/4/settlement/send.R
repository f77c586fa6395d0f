# Sends the payouts of the night to the queue, once the settlement has computed them.

library(RJSONIO)

send_payouts <- function(sqs, url, settled) {
  for (seller in unique(settled$seller)) {
    rows <- settled[settled$seller == seller, ]
    payout <- list(
      payout = rows$payout[1],
      seller = seller,
      amount_cents = sum(rows$cents),
      lines = lapply(seq_len(nrow(rows)), function(i) list(order = rows$order[i], cents = rows$cents[i]))
    )
    sqs$send_message(QueueUrl = url, MessageBody = toJSON(payout, collapse = ""))
  }
}
