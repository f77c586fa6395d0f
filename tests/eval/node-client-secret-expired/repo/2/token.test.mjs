import test from "node:test";
import assert from "node:assert";
import { token } from "./token.mjs";

test("token is taken from the answer", async () => {
  const fetcher = async () => ({ ok: true, json: async () => ({ access_token: "t" }) });
  assert.equal(await token({ GRAPH_TENANT: "x" }, fetcher), "t");
});
