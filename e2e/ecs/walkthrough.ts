/**
 * A document that shows commands and what they print, as something to run: the commands of a section go to one shell, and what comes is compared
 * with what stands there, but for what is different each time (names, addresses, times). A line `...` stands for any lines.
 */
export interface ShownCommand {
  /** As it is typed, continued lines included. */
  readonly command: string;
  readonly output: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly commands: readonly ShownCommand[];
}

/** Of each `## ` section of the Markdown the commands in blocks of the language `console`. */
export function sectionsOf(markdown: string): Section[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [title = ''] = text.split('\n', 1);
      const blocks = [...text.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block = '']) => block);
      return { title, commands: blocks.flatMap(commandsOf) };
    });
}

function commandsOf(block: string): ShownCommand[] {
  const found: { command: string; output: string[] }[] = [];
  let isContinued = false;
  for (const line of block.replace(/\n$/, '').split('\n')) {
    const last = found.at(-1);
    if (line.startsWith('$ ')) found.push({ command: line.slice(2), output: [] });
    else if (last && isContinued) last.command += `\n${line}`;
    else last?.output.push(line);
    isContinued = (line.startsWith('$ ') || isContinued) && line.endsWith('\\');
  }
  return found;
}

const mark = '\u0001';

/** The section as one script for `bash -s`; between what the commands print it prints their exit codes. */
export function scriptOf({ commands }: Section, preamble: readonly string[]): string {
  const steps = commands.map(({ command }) => `{ ${command}\n} 2>&1 </dev/null; printf '${mark}%d${mark}' $?`);
  return [...preamble, ...steps, ''].join('\n');
}

export interface RanCommand {
  readonly command: string;
  readonly exitCode: number;
  readonly output: readonly string[];
}

/** What `scriptOf` printed, by command. One that was not reached has the exit code -1. */
export function ranCommands({ commands }: Section, printed: string): RanCommand[] {
  const parts = printed.split(mark);
  return commands.map(({ command }, i) => ({
    command,
    exitCode: Number(parts[2 * i + 1] ?? -1),
    output: linesOf(parts[2 * i] ?? ''),
  }));
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  while (lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}

/** What is different each time, and what stands for it. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{20,64}\b/g, 'ID'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'ID'],
  [/ecs-svc\/\d+/g, 'ecs-svc/N'],
  [/\b\d+\.\d+\.\d+\.\d+\b/g, 'ADDRESS'],
  [/\b\d{4}-\d\d-\d\dT[0-9:.]+Z/g, 'TIME'],
  [/\(x\d+ over [0-9a-z]+\)/g, ''],
  [/(?<=\s)(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(?=\s|$)/g, 'AGE'],
  [/^ *\d+ (?=shop )/g, 'N '],
  [/\s+/g, ' '],
];

export function masked(line: string): string {
  return masks.reduce((text, [pattern, stands]) => text.replace(pattern, stands), line).trim();
}

/** Where what was printed is not what is shown, in words; undefined when it is. */
export function difference(shown: ShownCommand, ran: RanCommand): string | undefined {
  const expected = shown.output.map(masked);
  const printed = ran.output.map(masked);
  if (ran.exitCode === 0 && fits(expected, printed)) return undefined;
  return [
    `$ ${ran.command}`,
    `exit code ${ran.exitCode}, printed:`,
    ...ran.output.map((line) => `  ${line}`),
    'the document has:',
    ...shown.output.map((line) => `  ${line}`),
  ].join('\n');
}

function fits([first, ...rest]: readonly string[], printed: readonly string[]): boolean {
  if (first === undefined) return printed.length === 0;
  if (first !== '...') return printed[0] === first && fits(rest, printed.slice(1));
  return Array.from({ length: printed.length + 1 }, (_, i) => i).some((i) => fits(rest, printed.slice(i)));
}
