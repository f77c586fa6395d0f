// Exchange rates of api.rates.example.com.
const BASE = process.env.RATES_URL ?? "https://api.rates.example.com/v1";

export class RatesError extends Error {}

export async function rate(from, to, fetcher = fetch) {
  const answer = await fetcher(`${BASE}/latest?from=${from}&to=${to}`, { signal: AbortSignal.timeout(4000) });
  if (!answer.ok) {
    throw new RatesError(`GET api.rates.example.com/v1/latest answered ${answer.status} ${answer.statusText}`);
  }
  return (await answer.json()).rates[to];
}
