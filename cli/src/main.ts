import { runCommand } from './run-command.ts';

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.once(name, () => stop.abort(new DOMException(`${name} received`, 'AbortError')));
}

const code = await runCommand(
  process.argv.slice(2),
  {
    env: process.env,
    isRoot: process.getuid?.() === 0,
    print: (line) => void process.stdout.write(`${line}\n`),
    complain: (line) => void process.stderr.write(`${line}\n`),
  },
  stop.signal,
);
process.exit(code);
