import { commandWords } from './command-words.ts';

describe('the words of a command', () => {
  it.each<[string, readonly string[]]>([
    ['/bin/sh', ['/bin/sh']],
    ['  ls   -la\t/ ', ['ls', '-la', '/']],
    ['sh -c "echo $HOME && ls"', ['sh', '-c', 'echo $HOME && ls']],
    [`sh -c 'echo "a  b"'`, ['sh', '-c', 'echo "a  b"']],
    [`a''b "" 'c d'e`, ['ab', '', 'c de']],
    ['"a\\"b" "\\n" a\\ b', ['a"b', '\\n', 'a b']],
    ['a | b > c', ['a', '|', 'b', '>', 'c']],
    ['echo grüße "日 本"', ['echo', 'grüße', '日 本']],
    ['', []],
    [' ', []],
  ])('%j', (command, words) => {
    expect(commandWords(command)).toEqual(words);
  });

  it.each([`sh -c 'ls`, 'sh -c "ls', 'ls \\'])('refuses %j', (command) => {
    expect(() => commandWords(command)).toThrow(/^command (has a quote|ends with a backslash)/);
  });
});
