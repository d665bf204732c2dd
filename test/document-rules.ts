/** Rules for the documents and for what cites them, as functions from texts to what is wrong with them; `documents.test.ts` applies them. */

/** The documents, as paths from the root, and their texts. */
export interface Documents {
  exists(path: string): boolean;
  /** The text of a file that exists. */
  read(path: string): string;
  /** All Markdown pages. */
  readonly pages: readonly string[];
  /** The decisions in order, without their index. */
  readonly decisions: readonly string[];
}

/** Documents that a text names exist: paths below `docs/`, pages by name, "decision 4", and the heading that is quoted behind a page's name. */
export function citationFaults(path: string, text: string, documents: Documents): string[] {
  return [
    ...citedPaths(text).flatMap((cited) => (documents.exists(cited) ? [] : [`${path} cites ${cited}, which does not exist`])),
    ...citedDecisions(text).flatMap((number) =>
      documents.decisions.some((file) => numberOf(file) === number)
        ? []
        : [`${path} cites decision ${number}, which does not exist`],
    ),
    ...citedPages(text).flatMap(({ page, section }) => {
      const found = documents.pages.filter((known) => known === page || known.endsWith(`/${page}`));
      if (found.length === 0) return [`${path} cites ${page}, which does not exist`];
      if (section === undefined || found.some((known) => headingsOf(documents.read(known)).includes(section))) return [];
      return [`${path} cites “${section}” of ${page}, which has no such heading`];
    }),
  ];
}

function citedPaths(text: string): string[] {
  return [...text.matchAll(/(?<![\w./-])docs\/[\w./-]*\w/g)].map(([path]) => path);
}

/** "decision 4", "decisions 4 and 9", "Decision 7:". */
function citedDecisions(text: string): number[] {
  return [...text.matchAll(/\bdecisions?\s+(\d+)(?:\s+and\s+(\d+))?/gi)].flatMap(([, first, second]) =>
    [first, second].filter((number) => number !== undefined).map(Number),
  );
}

function citedPages(text: string): { page: string; section: string | undefined }[] {
  const pattern = /(?<![\w./-])(?:docs\/)?([\w-]+(?:\/[\w-]+)*\.md)\b(?:`?\)?[,:]? ?[“"]([^”"\n]+)[”"])?/g;
  return [...text.replaceAll(/https?:\/\/\S+/g, '').matchAll(pattern)].map(([, page, section]) => ({ page: page!, section }));
}

function headingsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#{1,6}\s+(.+?)\s*$/gm)].map(([, heading]) => heading!);
}

function numberOf(decision: string): number {
  return Number(/\/(\d+)-[^/]*$/.exec(decision)?.[1]);
}

const status =
  /^Status: (?:accepted|proposed|rejected|replaced by \[decision \d+\]\([^)]+\))(?:[,;] [^\n]*?)?, \d{4}-\d\d-\d\d[.;]/m;

/** Every decision has its number and a title, a status with a date, and one line in the index that says the same. */
export function decisionFaults(documents: Documents, index: string): string[] {
  const rows = [...index.matchAll(/^\| \[(\d+)\]\(([^)]+)\) \| (.+?) \| (.+?) \| (\d{4}-\d\d-\d\d) \|$/gm)].map(
    ([, number, file, title, , date]) => ({ number: Number(number), file: file!, title: title!, date: date! }),
  );
  const faults = documents.decisions.flatMap((path, at) => {
    const text = documents.read(path);
    const [, number, title] = /^# (\d+)\. (.+)\n/.exec(text) ?? [];
    if (Number(number) !== numberOf(path)) return [`${path} does not open with '# ${numberOf(path)}. ' and its title`];
    const found = status.exec(text)?.[0];
    const own = rows.filter(({ file }) => path.endsWith(`/${file}`));
    return [
      ...(numberOf(path) === at + 1 ? [] : [`${path} is number ${at + 1}`]),
      ...(found === undefined ? [`${path} has no line 'Status: accepted, ' with a date`] : []),
      ...(own.length === 1 ? [] : [`${path} stands ${own.length} times in the index`]),
      ...own.flatMap((row) => [
        ...(row.number === Number(number) && row.title === title ? [] : [`the index names ${path} otherwise: ${row.title}`]),
        ...(found === undefined || found.includes(row.date) ? [] : [`the index gives ${path} another date: ${row.date}`]),
      ]),
    ];
  });
  const lines = index.split('\n').filter((line) => line.startsWith('| [')).length;
  return lines === rows.length ? faults : [...faults, `${lines - rows.length} lines of the index are not of its form`];
}
