import test from "node:test";
import assert from "node:assert";
import { locate } from "./locate.mjs";

test("thumbnail lies beside the uploads", () => {
  const s3 = { bucket: { name: "b" }, object: { key: "uploads/cat.jpg" } };
  const [place] = locate({ Records: [{ s3 }] });
  assert.deepEqual(place, { bucket: "b", key: "uploads/cat.jpg", target: "thumbnails/cat.jpg" });
});
