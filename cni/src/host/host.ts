import type { ChildLinkKind, LinkStep } from './link-step.ts';
import type { NftElement, NftTable } from './netlink/set-messages.ts';
import type { NftElementChange } from './netlink/set-socket.ts';
import type { TableEntry, TableFailure, TableStep } from './table-step.ts';

/**
 * The kernel as the plugins see it. This is the only place that runs `ip`, `tc`, `nft`, `nsenter` and `conntrack`, that speaks
 * netlink, and that touches /proc/sys. What each pod needs goes by netlink; the rest is batched because a process
 * costs more than what it does: one `ip -batch` per network namespace, one `nft` transaction.
 */
export interface HostOptions {
  /** Path of the network namespace to act in; the host's own when absent. */
  readonly netns?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Host {
  /** Carries the steps out in order, without a child process. Stops at the first that fails and throws `KernelError`. */
  link(steps: readonly LinkStep[], options: HostOptions): Promise<void>;
  /** Runs the lines as one `ip -batch`. Stops at the first that fails and throws `KernelError`. */
  ip(lines: readonly string[], options: HostOptions): Promise<void>;
  /** `ip -json -details ...`; an object that is not there gives an empty list. */
  ipShow(args: readonly string[], options: HostOptions): Promise<readonly IpObject[]>;
  /** Queueing disciplines: runs the lines as one `tc -batch`. Stops at the first that fails and throws `KernelError`. */
  tc(lines: readonly string[], options: HostOptions): Promise<void>;
  /** `tc -json ...`; a link that is not there gives an empty list. */
  tcShow(args: readonly string[], options: HostOptions): Promise<readonly IpObject[]>;
  /**
   * Changes routes, neighbours and forwarding entries, thousands of them as well, without a child process. Carries out all steps
   * and answers those that the kernel refused. Throws `KernelError` when it cannot be asked.
   */
  changeTables(steps: readonly TableStep[], options: HostOptions): Promise<readonly TableFailure[]>;
  /** Routes (of every table and protocol), permanent neighbours and forwarding entries of a link; none without the link. */
  showTables(link: string, options: HostOptions): Promise<readonly TableEntry[]>;
  /** One link by netlink, for a pod's start; undefined when there is none. */
  linkInfo(selector: LinkSelector, options: HostOptions): Promise<LinkInfo | undefined>;
  /** Whether this kernel can make such links, loading its module if there is one. Makes nothing. */
  knowsLinkKind(kind: ChildLinkKind['kind'], options: HostOptions): Promise<boolean>;
  /**
   * One at a time on this host, whatever process asks: for what several messages to the kernel do together. Ends with the
   * process that holds it. Not re-entrant.
   */
  exclusively<T>(work: () => Promise<T>, options: HostOptions): Promise<T>;
  /** One atomic transaction. Throws `KernelError`; nothing was changed then. */
  nft(script: string, options: HostOptions): Promise<void>;
  /** `nft -j list ...`; undefined when what is listed is not there. */
  nftList(args: readonly string[], options: HostOptions): Promise<readonly NftObject[] | undefined>;
  /** Elements of sets and maps, as one transaction and without a child process. Throws `KernelError`; nothing was changed then. */
  nftElements(change: NftElementChange, options: HostOptions): Promise<void>;
  /** Undefined when the table or one of the sets is not there. */
  nftListElements(
    table: NftTable,
    sets: readonly string[],
    options: HostOptions,
  ): Promise<readonly NftElement[] | undefined>;
  nftHasSet(table: NftTable, set: string, options: HostOptions): Promise<boolean>;
  /** Forgets tracked connections; none found is fine. A missing `conntrack` program is fine too: entries then age out. */
  conntrackDelete(args: readonly string[], options: HostOptions): Promise<void>;
  readSysctl(name: string, options: HostOptions): Promise<string>;
  /** Sets a value for good, remembering the one before when the host keeps a record. Names use `/` or `.`. */
  writeSysctl(name: string, value: string, options: HostOptions): Promise<void>;
  /** Sets a value back without remembering anything. */
  restoreSysctl(name: string, value: string, options: HostOptions): Promise<void>;
  netnsExists(path: string): Promise<boolean>;
  /** Whether the path leads to the namespace of the host itself. */
  isOwnNetns(path: string): Promise<boolean>;
  /**
   * Runs `work` once per `key` and answers its outcome afterwards; a failed run is forgotten. In process this saves
   * looking at a bridge for each pod; an executable starts with an empty memory.
   */
  once(key: string, work: () => Promise<void>): Promise<void>;
  /** What was done once may no longer hold. */
  forget(key: string): void;
}

export type IpObject = Readonly<Record<string, unknown>>;
export type LinkSelector = { readonly name: string } | { readonly alternativeName: string };

export interface LinkInfo {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  readonly mac: string;
  readonly mtu: number;
  readonly group: number;
  /** `macvlan`, `vlan`, `bridge` ...; absent for hardware. */
  readonly kind: string | undefined;
  readonly alias: string | undefined;
  readonly alternativeNames: readonly string[];
}

export type NftObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The kernel, `ip` or `nft` refused. `output` is what the program said, or would have. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly output: string;
  /** `EBUSY`; known where the kernel was asked without a program in between. */
  readonly errno: string | undefined;

  constructor(message: string, options: { output: string; errno?: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.output = options.output;
    this.errno = options.errno;
  }

  /** The kernel has no driver for such a link. */
  get isUnsupported(): boolean {
    return this.errno === 'EOPNOTSUPP' || this.errno === 'ENOTSUP';
  }

  /** The link, address, route, table or element is not there. */
  get isMissing(): boolean {
    return /Cannot find device|does not exist|No such (file|device|process)|Cannot assign requested/.test(this.output);
  }

  get isExisting(): boolean {
    return /File exists|already (exists|assigned)/.test(this.output);
  }
}
