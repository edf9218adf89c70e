// Links that carry a text and how it is looked at, after the #, which browsers send to no server.

const LONGEST = 200_000; // characters that a link may unfold to

export async function toHash({ text, sample, ...view }) {
  const values = new URLSearchParams(view);
  if (sample) values.set("sample", sample);
  else values.set("text", toBase64(await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(text))));
  return `#${values}`;
}

// What a hash says, or null if it says nothing; throws if it makes no sense.
export async function fromHash(hash) {
  const values = Object.fromEntries(new URLSearchParams(hash.slice(1)));
  if (!values.text && !values.sample) return null;
  if (values.text) {
    const bytes = await through(new DecompressionStream("deflate-raw"), fromBase64(values.text));
    values.text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  }
  return values;
}

async function through(stream, bytes) {
  const parts = [];
  let size = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader(); // Safari iterates over none
  for (let step; !(step = await reader.read()).done;) {
    size += step.value.length;
    if (size > 4 * LONGEST) throw new Error("too long");
    parts.push(step.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}
