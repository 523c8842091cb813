// Runs the self-test of a model file in a JavaScript host.
//
//     node parity.mjs (onnxruntime-node|onnxruntime-web) model.onnx cases.json
//
// cases.json is the content of the metadata `seqtools.parity`, which JavaScript cannot read from the file. The
// package is looked up from the working directory. Prints one JSON line a case; exits 1 if one does not agree.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const [host, modelPath, casesPath] = process.argv.slice(2);
const ort = createRequire(join(process.cwd(), "here.js"))(host);

function tensor({ dtype, shape, data }) {
  if (dtype === "string") return new ort.Tensor("string", data, shape);
  if (dtype === "int64") return new ort.Tensor("int64", BigInt64Array.from(data.map(BigInt)), shape);
  if (dtype === "bool") return new ort.Tensor("bool", data, shape);
  return new ort.Tensor("float32", Float32Array.from(data, number), shape);
}

// JSON has no NaN: null stands for it.
function number(value) {
  return value ?? NaN;
}

const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(modelPath)));
const { cases, tolerance } = JSON.parse(readFileSync(casesPath, "utf8"));
let agreed = true;
for (const { name, feeds, expected } of cases) {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([key, value]) => [key, tensor(value)]));
  const outputs = await session.run(inputs);
  let largest = 0;
  const unequal = [];
  for (const [key, { dtype, data }] of Object.entries(expected)) {
    const plain = { int64: Number, bool: Boolean }[dtype] ?? ((value) => value);
    const got = Array.from(outputs[key].data, plain);
    if (dtype === "float32") got.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - data[i]))));
    else if (JSON.stringify(got) !== JSON.stringify(data)) unequal.push(key);
    if (got.length !== data.length) unequal.push(key);
  }
  agreed &&= unequal.length === 0 && largest <= tolerance;
  console.log(JSON.stringify({ name, largest, unequal }));
}
process.exit(agreed ? 0 : 1);
