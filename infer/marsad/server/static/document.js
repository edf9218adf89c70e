// A document as the server gives it: cut by code points, above a score, and as a table.

// The document without what scores less; the same as `Document.above` of the library.
export function above(document, least) {
  const kept = document.entities.map((_, index) => index)
    .filter((index) => document.entities[index].score >= least);
  const renumbered = new Map(kept.map((old, index) => [old, index]));
  return {
    ...document,
    sentences: document.sentences.map((sentence) => ({
      ...sentence,
      classes: sentence.classes.filter((name) => sentence.scores[name] >= least),
    })),
    entities: kept.map((index) => document.entities[index]),
    events: document.events.filter((event) => event.score >= least).map((event) => ({
      ...event,
      arguments: event.arguments
        .filter((found) => found.score >= least && renumbered.has(found.entity))
        .map((found) => ({ ...found, entity: renumbered.get(found.entity) })),
    })),
  };
}

// Events as a spreadsheet has them, a row each, a column for each role.
export function toCsv(document, roles) {
  const head = ["type", "class", "score", "trigger", "start", "end", ...roles, "sentence"];
  const points = Array.from(document.text);
  const rows = document.events.map((event) => {
    const sentence = document.sentences[event.sentence];
    const fillers = roles.map((role) => event.arguments
      .filter((found) => found.role === role)
      .map((found) => document.entities[found.entity].text).join("; "));
    const text = points.slice(sentence.start, sentence.end).join("");
    return [event.type, event.class, event.score, event.text, event.start, event.end, ...fillers, text];
  });
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

// A spreadsheet would run what begins with these as a formula, and begin a cell at a tab that is pasted.
function cell(value) {
  const plain = String(value).replace(/[\t\v\f]/g, " ");
  const text = typeof value === "string" && /^[=+\-@\r\n]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Marks in the order of the text, those within others after them.
export function marksOf(document) {
  const entities = document.entities.map((entity, index) => ({
    ...entity, index, kind: "entity",
    events: document.events.flatMap((event, at) =>
      event.arguments.some((found) => found.entity === index) ? [at] : []),
  }));
  const triggers = document.events.map((event, index) => ({
    ...event, index, kind: "trigger", label: event.type, events: [index],
  }));
  return [...entities, ...triggers].sort((a, b) => a.start - b.start || b.end - a.end);
}
