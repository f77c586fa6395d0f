import test from "node:test";
import assert from "node:assert";
import { handle } from "./worker.mjs";

test("price is converted", async () => {
  const set = [];
  const fetcher = async () => ({ ok: true, json: async () => ({ rates: { EUR: 0.5 } }) });
  const message = { Body: JSON.stringify({ sku: "a", cents: 100, currency: "USD" }) };
  await handle(message, { set: async (...all) => set.push(all) }, fetcher);
  assert.deepEqual(set, [["a", 50]]);
});
