/**
 * The words of a command line: separated by blanks, with quotes and backslashes as in a shell, but without a shell: nothing is expanded, and
 * `|`, `&&`, `>` are words like others. As Session Manager's agent does it in containers. Throws EcsError for a quote that does not end.
 */
import { invalidParameter } from '../wire/ecs-error.ts';

export function commandWords(command: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < command.length; at++) {
    const mark = command[at] ?? '';
    if (quote === "'" || quote === '"') {
      if (mark === quote) quote = '';
      else if (mark === '\\' && quote === '"' && escapable.has(command[at + 1] ?? '')) word = `${word}${command[++at]}`;
      else word = `${word}${mark}`;
    } else if (mark === "'" || mark === '"') {
      quote = mark;
      word ??= '';
    } else if (mark === '\\') {
      if (at + 1 >= command.length) throw invalidParameter('command ends with a backslash.');
      word = `${word ?? ''}${command[++at]}`;
    } else if (/\s/.test(mark)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${mark}`;
  }
  if (quote !== '') throw invalidParameter(`command has a quote (${quote}) that does not end.`);
  if (word !== undefined) words.push(word);
  return words;
}

/** After a backslash between double quotes. */
const escapable: ReadonlySet<string> = new Set(['"', '\\', '$', '`']);
