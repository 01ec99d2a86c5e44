// What stands in a cell with one of our magics, as spans of its text. Nothing here knows an editor.

export type Kind =
  | "magic"
  | "name"
  | "option"
  | "prompt"
  | "doc"
  | "hole"
  | "unknown"
  | "rule"
  | "sql"
  | "keyword"
  | "string"
  | "number"
  | "comment";

export interface Span {
  readonly from: number;
  readonly to: number;
  readonly kind: Kind;
  /** Of an unknown placeholder: what may stand there. */
  readonly hint?: string;
}

// Longer cells keep their plain colours: nobody writes such a prompt by hand.
const MOST_CHARS = 200_000;
const MAGIC = /^\s*%%(agent|function|nfsql|invoke)\b/;
// As `core/functions/prompts.py` reads them: `{{` is a brace, `{name}` an argument, the rest is text.
const HOLE = /\{\{|\{([\p{L}_][\p{L}\p{N}_]*)\}/gu;

/** The spans of a cell, in order, none inside another; none where the cell is no such cell. */
export function spans(text: string): Span[] {
  const first = text.indexOf("\n") === -1 ? text : text.slice(0, text.indexOf("\n"));
  const magic = MAGIC.exec(first);
  if (magic === null || text.length > MOST_CHARS) return [];
  const found = head(first, magic[0].length);
  if (first.length === text.length) return found;
  const body = first.length + 1;
  switch (magic[1]) {
    case "agent":
      return [...found, ...prompt(text, body, argumentsOf(first.slice(magic[0].length)))];
    case "nfsql":
      return [...found, ...sql(text, body)];
    default:
      return found;
  }
}

function head(first: string, end: number): Span[] {
  const found: Span[] = [{ from: first.length - first.trimStart().length, to: end, kind: "magic" }];
  const rest = first.slice(end);
  const name = /^\s*([A-Za-z_][\w-]*)/.exec(rest);
  if (name?.[1] !== undefined) {
    const from = end + name[0].length - name[1].length;
    found.push({ from, to: from + name[1].length, kind: "name" });
  }
  for (const option of rest.matchAll(/(?<=\s)--?[A-Za-z][\w-]*/g)) {
    const from = end + option.index;
    found.push({ from, to: from + option[0].length, kind: "option" });
  }
  return found;
}

/** The names of a signature's arguments, such as `summarise(text: str, tone: str = "plain")`. */
export function argumentsOf(signature: string): ReadonlySet<string> {
  const names = new Set<string>();
  const begin = signature.indexOf("(");
  if (begin === -1) return names;
  let depth = 0;
  let quote = "";
  let part = "";
  for (const char of signature.slice(begin)) {
    if (quote !== "") {
      if (char === quote) quote = "";
      continue;
    }
    if (char === "'" || char === '"') quote = char;
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    const ends = depth === 0 || (depth === 1 && char === ",");
    if (!ends) {
      if (!(depth === 1 && char === "(")) part += char;
      continue;
    }
    const name = /^\s*\**\s*([\p{L}_][\p{L}\p{N}_]*)/u.exec(part);
    if (name?.[1] !== undefined) names.add(name[1]);
    part = "";
    if (depth === 0) break;
  }
  return names;
}

function prompt(text: string, begin: number, known: ReadonlySet<string>): Span[] {
  const found: Span[] = [];
  let at = begin;
  const doc = /^\s*("""|''')[\s\S]*?(\1|$(?![\s\S]))/.exec(text.slice(begin));
  if (doc !== null) {
    found.push({ from: begin, to: begin + doc[0].length, kind: "doc" });
    at = begin + doc[0].length;
  }
  // Only the first line that is `---` alone parts the two prompts.
  const rule = /^---[ \t]*$/m.exec(text.slice(at));
  if (rule === null) return [...found, ...holes(text, at, text.length, known)];
  const from = at + rule.index;
  const to = from + rule[0].length;
  return [
    ...found,
    ...holes(text, at, from, known),
    { from, to, kind: "rule" },
    ...holes(text, to, text.length, known),
  ];
}

function holes(text: string, from: number, to: number, known: ReadonlySet<string>): Span[] {
  const found: Span[] = [];
  let at = from;
  const plain = (end: number): void => {
    if (end > at) found.push({ from: at, to: end, kind: "prompt" });
  };
  for (const match of text.slice(from, to).matchAll(HOLE)) {
    const name = match[1];
    if (name === undefined) continue;
    const start = from + match.index;
    const end = start + match[0].length;
    plain(start);
    if (known.has(name)) found.push({ from: start, to: end, kind: "hole" });
    else found.push({ from: start, to: end, kind: "unknown", hint: [...known].join(", ") });
    at = end;
  }
  plain(to);
  return found;
}

const KEYWORDS = new Set(
  (
    "select from where group by order having limit offset join left right inner outer full cross " +
    "on using as with recursive union all except intersect distinct and or not in is null like " +
    "ilike between case when then else end cast try_cast over partition window filter asc desc " +
    "values exists any qualify pivot unpivot sample true false interval exclude replace lateral " +
    "unnest semi anti asof natural rows range preceding following current row nulls first last"
  ).split(" "),
);
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\b\d+(?:\.\d+)?\b|[A-Za-z_]\w*/g;

function sql(text: string, begin: number): Span[] {
  const found: Span[] = [];
  let at = begin;
  const put = (from: number, to: number, kind: Kind): void => {
    if (from > at) found.push({ from: at, to: from, kind: "sql" });
    found.push({ from, to, kind });
    at = to;
  };
  for (const match of text.slice(begin).matchAll(TOKEN)) {
    const word = match[0];
    const from = begin + match.index;
    const kind = kindOf(word);
    if (kind !== null) put(from, from + word.length, kind);
  }
  if (at < text.length) found.push({ from: at, to: text.length, kind: "sql" });
  return found;
}

function kindOf(word: string): Kind | null {
  if (word.startsWith("--") || word.startsWith("/*")) return "comment";
  if (word.startsWith("'")) return "string";
  if (/^\d/.test(word)) return "number";
  return KEYWORDS.has(word.toLowerCase()) ? "keyword" : null;
}
