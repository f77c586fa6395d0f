import { rate } from "./rates.mjs";

// Handles one message of the queue 'price-updates'. A price is set, so that a message may be handled twice.
export async function handle(message, prices, fetcher) {
  const { sku, cents, currency } = JSON.parse(message.Body);
  const factor = await rate(currency, "EUR", fetcher);
  await prices.set(sku, Math.round(cents * factor));
}
