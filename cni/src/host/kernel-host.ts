import { readFileSync, writeFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { type Clock, systemClock } from '@slipway/kit/clock';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { Exec } from '@slipway/kit/exec';
import { ExecError } from '@slipway/kit/exec';
import { type Host, type HostOptions, type IpObject, KernelError, type NftObject } from './host.ts';
import { SetSockets } from './netlink/set-socket.ts';
import { inNetns, namespaceOf } from './netns.ts';
import { runTableSteps, showTableEntries } from './netlink/table-socket.ts';
import { createHostLock } from './host-lock.ts';
import { knowsLinkKind, readLink, runLinkSteps } from './netlink/route-socket.ts';
import type { SysctlRecord } from './sysctl-record.ts';

export interface KernelHostOptions {
  readonly exec: Exec;
  /** Where values are remembered before they are changed. Without it they are just changed. */
  readonly record?: SysctlRecord;
  /** Acts as the host of this network namespace instead of the process's own. Tests live in one. */
  readonly netns?: string;
  readonly clock?: Clock;
}

/** A table with 5,000 services takes 6 MB. */
const listingBytesMax = 256 * 1024 * 1024;

/** The real kernel, by way of netlink, iproute2, nftables, util-linux and conntrack-tools. */
export function createKernelHost({ exec, record, netns: own, clock = systemClock }: KernelHostOptions): Host {
  const done = new Map<string, Promise<void>>();
  const sets = new SetSockets(clock);

  const run = async (
    command: string,
    args: readonly string[],
    options: HostOptions,
    { input, outputBytesMax }: { readonly input?: string; readonly outputBytesMax?: number } = {},
  ) => {
    const netns = options.netns ?? own;
    const inside = netns === undefined ? [command, ...args] : ['nsenter', `--net=${netns}`, command, ...args];
    const [program = command, ...rest] = inside;
    return exec(program, rest, {
      signal: options.signal,
      ...(input === undefined ? {} : { input }),
      ...(outputBytesMax === undefined ? {} : { outputBytesMax }),
    });
  };

  /** In one synchronous stretch: /proc/sys/net shows the namespace of the thread that looks. */
  const inside = <T>(options: HostOptions, work: () => T): T => {
    options.signal.throwIfAborted();
    const netns = options.netns ?? own;
    return netns === undefined ? work() : inNetns(netns, work);
  };

  const readSysctl = async (name: string, options: HostOptions) => {
    try {
      return inside(options, () => readFileSync(sysctlPath(name), 'utf8')).trim();
    } catch (error) {
      throw sysctlFailure(error, `read ${name}`);
    }
  };

  const setSysctl = async (name: string, value: string, options: HostOptions) => {
    try {
      inside(options, () => writeFileSync(sysctlPath(name), value));
    } catch (error) {
      throw sysctlFailure(error, `set ${name} to ${value}`);
    }
  };

  return {
    async link(steps, { netns, signal }) {
      signal.throwIfAborted();
      await runLinkSteps(steps, netns ?? own, clock);
    },
    async ip(lines, options) {
      if (lines.length === 0) return;
      try {
        await run('ip', ['-batch', '-'], options, { input: `${lines.join('\n')}\n` });
      } catch (error) {
        throw batchFailure(error, 'ip', lines);
      }
    },
    async tc(lines, options) {
      if (lines.length === 0) return;
      try {
        await run('tc', ['-batch', '-'], options, { input: `${lines.join('\n')}\n` });
      } catch (error) {
        throw batchFailure(error, 'tc', lines);
      }
    },
    async tcShow(args, options) {
      try {
        const { stdout } = await run('tc', ['-json', ...args], options);
        return jsonList(stdout).filter((each): each is IpObject => Object.keys(each as object).length > 0);
      } catch (error) {
        const failure = kernelFailure(error, `tc ${args.join(' ')}`);
        if (failure instanceof KernelError && failure.isMissing) return [];
        throw failure;
      }
    },
    async ipShow(args, options) {
      try {
        const { stdout } = await run('ip', ['-json', '-details', ...args], options);
        return jsonList(stdout).filter((each): each is IpObject => Object.keys(each as object).length > 0);
      } catch (error) {
        const failure = kernelFailure(error, `ip ${args.join(' ')}`);
        if (failure instanceof KernelError && failure.isMissing) return [];
        throw failure;
      }
    },
    changeTables: async (steps, { netns, signal }) => runTableSteps(steps, netns ?? own, signal),
    showTables: async (link, { netns, signal }) => showTableEntries(link, netns ?? own, signal),
    linkInfo: async (selector, { netns, signal }) => {
      signal.throwIfAborted();
      return readLink(selector, netns ?? own);
    },
    knowsLinkKind: async (kind, { netns }) => knowsLinkKind(kind, netns ?? own),
    exclusively: createHostLock(own),
    async nft(script, options) {
      try {
        await run('nft', ['-f', '-'], options, { input: script });
      } catch (error) {
        throw kernelFailure(error, 'change the nftables ruleset');
      }
    },
    async nftList(args, options) {
      try {
        const { stdout } = await run('nft', ['-j', 'list', ...args], options, { outputBytesMax: listingBytesMax });
        const parsed = JSON.parse(stdout.toString()) as { nftables?: readonly NftObject[] };
        return parsed.nftables ?? [];
      } catch (error) {
        const failure = kernelFailure(error, `list nftables ${args.join(' ')}`);
        if (failure instanceof KernelError && failure.isMissing) return undefined;
        throw failure;
      }
    },
    nftElements: async (change, { netns, signal }) => {
      signal.throwIfAborted();
      sets.change(change, netns ?? own);
    },
    nftListElements: async (table, names, { netns }) => sets.list(table, names, netns ?? own),
    nftHasSet: async (table, set, { netns }) => sets.has(table, set, netns ?? own),
    async conntrackDelete(args, options) {
      try {
        await run('conntrack', ['-D', ...args], options);
      } catch (error) {
        // Exit code 1 says that no entry matched; no code at all that the program is not installed.
        if (!(error instanceof ExecError)) throw error;
      }
    },
    readSysctl,
    async writeSysctl(name, value, options) {
      const before = await readSysctl(name, options);
      if (options.netns === undefined && !isOfOneInterface(name)) await record?.hold(name, before);
      if (before !== value) await setSysctl(name, value, options);
    },
    restoreSysctl: (name, value, options) => setSysctl(name, value, options),
    isOwnNetns: async (path) => {
      const here = namespaceOf(own ?? '/proc/self/ns/net');
      return here !== undefined && here === namespaceOf(path);
    },
    netnsExists: (path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    once(key, work) {
      const known = done.get(key);
      if (known) return known;
      const started = work();
      done.set(key, started);
      started.catch(() => done.delete(key));
      return started;
    },
    forget: (key) => void done.delete(key),
  };
}

/** Such a setting goes away with its interface. */
function isOfOneInterface(name: string): boolean {
  return /\/conf\/(?!all\/|default\/)/.test(name);
}

function sysctlPath(name: string): string {
  return `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
}

function jsonList(stdout: Buffer): readonly unknown[] {
  const text = stdout.toString().trim();
  const parsed: unknown = text === '' ? [] : JSON.parse(text);
  return Array.isArray(parsed) ? parsed : [parsed];
}

/** `ip -batch` and `tc -batch` number the failing line on their last line of output: say the command itself. */
function batchFailure(error: unknown, program: 'ip' | 'tc', lines: readonly string[]): unknown {
  const failed = error instanceof ExecError ? /Command failed -:(\d+)/.exec(error.stderr)?.[1] : undefined;
  const line = failed === undefined ? undefined : lines[Number(failed) - 1];
  return kernelFailure(error, line === undefined ? `${program} -batch` : `${program} ${line}`);
}

function sysctlFailure(error: unknown, doing: string): unknown {
  if (errnoOf(error) === undefined) return kernelFailure(error, doing);
  const output = errnoOf(error) === 'ENOENT' ? 'No such file or directory' : messageOf(error);
  return new KernelError(`${doing}: ${output}`, { output, cause: error });
}

function kernelFailure(error: unknown, doing: string): unknown {
  if (!(error instanceof ExecError)) return error;
  if (error.code === undefined) return error;
  const said = error.stderr.replace(/Command failed -:\d+\s*$/, '').trim();
  return new KernelError(`${doing}: ${said || error.message}`, { output: error.stderr, cause: error });
}
