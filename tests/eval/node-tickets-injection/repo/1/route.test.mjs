import test from "node:test";
import assert from "node:assert";
import { route } from "./route.mjs";

test("words of the subject choose the team", () => {
  assert.equal(route({ subject: "My invoice" }), "billing");
  assert.equal(route({ subject: "Hello" }), "general");
});
