import { difference, masked, ranCommands, scriptOf, sectionsOf } from './walkthrough.ts';

const page = `# A page
## One
Text.
\`\`\`sh
not run
\`\`\`
\`\`\`console
$ echo a \\
    b
a b
$ ls
x
...
\`\`\`
## Two
`;

describe('a page of commands', () => {
  const [one, two] = sectionsOf(page);
  if (!one || !two) throw new Error('two sections');
  const mark = '\u0001';

  it('is read by sections, with continued lines', () => {
    expect(one).toEqual({
      title: 'One',
      commands: [
        { command: 'echo a \\\n    b', output: ['a b'] },
        { command: 'ls', output: ['x', '...'] },
      ],
    });
    expect(two.commands).toEqual([]);
  });

  it('goes to a shell, and what that prints is parted again', () => {
    expect(scriptOf(one, ['cd /'])).toContain('{ ls\n} 2>&1 </dev/null');
    expect(ranCommands(one, `a b\n${mark}0${mark}x\n`)).toEqual([
      { command: 'echo a \\\n    b', exitCode: 0, output: ['a b'] },
      { command: 'ls', exitCode: -1, output: ['x'] },
    ]);
  });

  it('differs where words do, not where names and times do', () => {
    const ran = (output: string[], exitCode = 0) => ({ command: 'ls', exitCode, output });
    const shown = { command: 'ls', output: ['...', 'pod/0123456789abcdef0123456789abcdef  10.1.2.3   5m3s'] };
    expect(difference(shown, ran(['y', 'z', 'pod/fedcba98765432100123456789abcdef 10.9.9.9 12s']))).toBeUndefined();
    expect(difference(shown, ran(['pod/web 10.9.9.9 12s']))).toContain('the document has:');
    expect(difference(shown, ran(['pod/fedcba98765432100123456789abcdef 10.9.9.9 12s'], 1))).toContain('exit code 1');
    expect(masked('READY 2/3   0    9s')).toBe('READY 2/3 0 AGE');
  });
});
