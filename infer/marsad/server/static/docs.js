// Shows openapi.json: each address, how to ask it, and what it answers.

const main = document.getElementById("docs");

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function json(value) {
  return make("pre", { dir: "ltr" }, JSON.stringify(value, null, 2));
}

// What is written between single quotes in a shell.
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(path, method, example) {
  const address = new URL(path.slice(1), document.baseURI).href;
  const lines = [`curl ${address}`];
  if (method === "post") {
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(example))}`);
  }
  return make("pre", { dir: "ltr" }, lines.join(" \\\n  "));
}

function nameOf(schema) {
  const known = schema?.$ref?.split("/").at(-1) ?? schema?.title;
  return known ?? (schema?.anyOf ?? []).map(nameOf).join(" or ");
}

function operation(path, method, about, schemas) {
  const body = about.requestBody?.content["application/json"].schema;
  const name = nameOf(body);
  const section = make("section", { class: "panel" },
    make("h2", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path)),
    make("p", {}, about.description ?? ""),
    make("h3", {}, "Ask"), curl(path, method, schemas[name]?.examples?.[0]));
  if (body) section.append(make("p", {}, "Body: ", make("code", {}, name)));
  const answers = Object.entries(about.responses).map(([status, { description, content }]) => {
    const kind = nameOf(content?.["application/json"]?.schema);
    return make("li", {}, make("code", {}, status), ` ${description}`, kind ? ": " : "", make("code", {}, kind));
  });
  section.append(make("h3", {}, "Answers"), make("ul", {}, ...answers));
  return section;
}

const described = await (await fetch("openapi.json")).json();
const { schemas } = described.components;
main.append(make("p", {}, described.info.description));
for (const [path, methods] of Object.entries(described.paths)) {
  for (const [method, about] of Object.entries(methods)) {
    main.append(operation(path, method, about, schemas));
  }
}
for (const [name, schema] of Object.entries(schemas)) {
  main.append(make("details", { class: "panel", id: name },
    make("summary", {}, make("code", {}, name), ` ${schema.description ?? ""}`), json(schema)));
}
