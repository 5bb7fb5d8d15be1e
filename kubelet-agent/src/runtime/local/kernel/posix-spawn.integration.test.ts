import { openSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { neverAborted } from '@slipway/kit/abort';
import { createExec } from '@slipway/kit/exec';
import { type Spawn, spawn, type SpawnedProcess } from '@slipway/kit/spawn';
import { createPosixSpawn } from './posix-spawn.ts';

const ways: readonly { name: string; start: Spawn }[] = [
  { name: "Node's spawn", start: spawn },
  { name: 'posixSpawn', start: createPosixSpawn(process.env) },
];

const ended = (child: SpawnedProcess, event: 'exit' | 'close' = 'close') =>
  new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once(event, (code, signal) => resolve({ code, signal }));
  });

describe.each(ways)('a program started by $name', ({ start }) => {
  const sh = (script: string, stdio: Parameters<Spawn>[2]['stdio'], more: object = {}) =>
    start('sh', ['-c', script], { stdio, ...more });

  it('has its streams, its environment, its directory and its exit code', async () => {
    const env = { PATH: process.env.PATH, A: 'b c', GONE: undefined };
    const child = sh('cat; echo "$A$GONE"; pwd >&2; exit 3', ['pipe', 'pipe', 'pipe'], { env, cwd: '/usr' });
    const end = ended(child);
    child.stdin?.end('in ');
    expect(await Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)])).toEqual([
      'in b c\n',
      '/usr\n',
    ]);
    expect(await end).toEqual({ code: 3, signal: null });
    expect(child.exitCode).toBe(3);
  });

  it('says which signal ended it, and cannot be signalled after', async () => {
    const child = start('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore'] });
    expect(child.kill('SIGKILL')).toBe(true);
    expect(await ended(child)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(child.signalCode).toBe('SIGKILL');
    expect(child.kill('SIGKILL')).toBe(false);
  });

  it('gets descriptors of ours and further streams, and no others', async () => {
    const passed = openSync('/etc/passwd', 'r');
    const child = sh('cat <&0 | wc -c >&3; ls /proc/self/fd >&3', [passed, 'ignore', 'ignore', 'pipe']);
    const lines = (await text(child.stdio[3] as Readable)).split('\n');
    expect(Number(lines[0])).toBe(readFileSync('/etc/passwd').length);
    expect(lines).toEqual(expect.arrayContaining(['0', '1', '2', '3']));
    expect(lines).not.toContain(String(passed));
  });

  it('closes although nobody reads what it prints', async () => {
    const child = sh('head -c 1000000 /dev/zero', ['ignore', 'pipe', 'pipe']);
    const exit = ended(child, 'exit');
    child.stdout?.resume();
    expect(await exit).toEqual({ code: 0, signal: null });
    const quiet = sh('echo unread', ['ignore', 'pipe', 'pipe']);
    expect(await ended(quiet)).toEqual({ code: 0, signal: null });
  });

  it('exits before its streams close when something that it started holds them', async () => {
    const child = sh('sleep 0.2 & exit 0', ['ignore', 'pipe', 'ignore']);
    const order: string[] = [];
    child.once('exit', () => order.push('exit'));
    child.stdout?.once('end', () => order.push('end'));
    await ended(child);
    expect(order).toEqual(['exit', 'end']);
  });

  it('has default signals, not those that Node ignores', async () => {
    const child = sh('grep -E "^Sig(Blk|Ign)" /proc/self/status', ['ignore', 'pipe', 'ignore']);
    expect(await text(child.stdout as Readable)).toMatch(/SigBlk:\s0+\nSigIgn:\s0+\n/);
  });

  it.each([
    ['a program that is not there', 'slipway-no-such-program', undefined],
    ['a path that is not there', '/no/such/program', undefined],
    ['a directory that is not there', 'true', '/no/such/directory'],
  ])('fails with an error event for %s', async (_, command, cwd) => {
    const child = start(command, [], { stdio: ['pipe', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
    await expect(ended(child)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(child.pid).toBeUndefined();
  });

  it('runs under exec, twenty at once', async () => {
    const exec = createExec(start);
    const options = { signal: neverAborted };
    const runs = Array.from({ length: 20 }, (_, i) => exec('sh', ['-c', `echo ${i}`], options));
    const printed = (await Promise.all(runs)).map(({ stdout }) => Number(stdout));
    expect(printed).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await expect(exec('sh', ['-c', 'echo why >&2; exit 4'], options)).rejects.toMatchObject({
      code: 4,
      stderr: 'why\n',
    });
  });
});
