import { readFileSync } from 'node:fs';

/** Rows of one table in `facts/`, keyed by the names in its first line. Missing cells are empty strings. */
export function readTsv<Column extends string>(name: string): Record<Column, string>[] {
  const text = readFileSync(new URL(`facts/${name}.tsv`, import.meta.url), 'utf8');
  const [header = '', ...lines] = text.split('\n');
  const columns = header.split('\t') as Column[];
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split('\t');
      return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ''])) as Record<Column, string>;
    });
}
