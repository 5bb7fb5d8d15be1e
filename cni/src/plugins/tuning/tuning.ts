import { neverAborted } from '@slipway/kit/abort';
import { type Host, type HostOptions, type IpObject, KernelError } from '../../host/host.ts';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { Attachment, CniResult } from '../../spec/types.ts';
import { checkFailed } from '../container-link/check-container-link.ts';
import { requestedMac } from '../container-link/requested-mac.ts';
import { parseTuningConfig, type TuningConfig } from './tuning-config.ts';
import { createTuningRecord, type TunedBefore } from './tuning-record.ts';

/** What the link shall have; `undefined` leaves it as it is. */
interface LinkTuning {
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly txQLen: number | undefined;
  readonly promisc: boolean | undefined;
  readonly allmulti: boolean | undefined;
}

type Request = CniRequest<TuningConfig>;

/** Settings of an interface that an earlier plugin made, and of the container's network. Given back on DEL. */
export const tuning: CniPlugin<TuningConfig> = {
  name: 'tuning',
  delegatesIpam: false,
  parseConfig: parseTuningConfig,

  async add(request, host, undo) {
    const { previous, ifName, netns, signal, config } = request;
    if (!previous) throw new CniError('invalidNetworkConfig', 'tuning must be called as chained plugin');
    const wanted = linkTuning(request);
    const record = recordOf(request);
    record.save(attachmentOf(request), await observe(wanted, request, host));
    undo.push('set back what was tuned', () => restore(request, host));
    const lines = linkLines(ifName, wanted);
    await host.ip(lines, { netns, signal });
    for (const [name, value] of sysctlsOf(config, ifName)) {
      await host.writeSysctl(name, value, { netns, signal }).catch((error: unknown) => {
        throw explained(error, name);
      });
    }
    return tunedResult(previous, wanted, request);
  },

  async check(request, _previous, host) {
    const { netns, signal, ifName, config } = request;
    for (const [name, value] of sysctlsOf(config, ifName)) {
      const found = await host.readSysctl(name, { netns, signal });
      if (plain(found) !== plain(value)) throw checkFailed(`sysctl ${name} is ${found}, expected ${value}`);
    }
    const wanted = linkTuning(request);
    if (!isTuned(wanted)) return;
    const found = linkStateOf(await showLink(request, host));
    for (const [key, value] of Object.entries(wanted)) {
      const is = found[key as keyof LinkTuning];
      if (value !== undefined && is !== value) throw checkFailed(`${ifName}: ${key} is ${is}, expected ${value}`);
    }
  },

  async del(request, host) {
    await restore(request, host);
  },

  async gc({ network, config }, valid) {
    const record = createTuningRecord(config.dataDir, network.name);
    const keep = new Set(valid.map(({ containerID, ifname }) => `${containerID}:${ifname}`));
    for (const each of record.attachments()) {
      if (!keep.has(`${each.containerID}:${each.ifname}`)) record.remove(each);
    }
  },
};

function linkTuning(request: Request): LinkTuning {
  const { mtu, txQLen, promisc, allmulti } = request.config;
  return { mac: requestedMac(request) ?? request.config.mac, mtu, txQLen, promisc, allmulti };
}

function isTuned(wanted: LinkTuning): boolean {
  return Object.values(wanted).some((value) => value !== undefined);
}

function sysctlsOf(config: TuningConfig, ifName: string): readonly (readonly [string, string])[] {
  const named = (path: string) => path.split('/').map((part) => (part === 'IFNAME' ? ifName : part));
  return [...config.sysctl].map(([path, value]) => [named(path).join('/'), value] as const);
}

/** A kernel takes a new address of a link that is up on most kinds of links only; a veth takes it. */
function linkLines(name: string, { mac, mtu, txQLen, promisc, allmulti }: LinkTuning): readonly string[] {
  const onOff = (is: boolean) => (is ? 'on' : 'off');
  return [
    ...(mac === undefined ? [] : [`link set ${name} address ${mac}`]),
    ...(mtu === undefined ? [] : [`link set ${name} mtu ${mtu}`]),
    ...(txQLen === undefined ? [] : [`link set ${name} txqueuelen ${txQLen}`]),
    ...(promisc === undefined ? [] : [`link set ${name} promisc ${onOff(promisc)}`]),
    ...(allmulti === undefined ? [] : [`link set ${name} allmulticast ${onOff(allmulti)}`]),
  ];
}

async function observe(wanted: LinkTuning, request: Request, host: Host): Promise<TunedBefore> {
  const { netns, signal, ifName, config } = request;
  const sysctl: Record<string, string> = {};
  for (const [name] of sysctlsOf(config, ifName)) {
    sysctl[name] = await host.readSysctl(name, { netns, signal }).catch((error: unknown) => {
      throw explained(error, name);
    });
  }
  if (!isTuned(wanted)) return { sysctl };
  const state = linkStateOf(await showLink(request, host));
  const changed = Object.entries(state).filter(([key]) => wanted[key as keyof LinkTuning] !== undefined);
  return { sysctl, ...Object.fromEntries(changed) };
}

async function showLink({ ifName, netns, signal }: Request, host: Host): Promise<IpObject> {
  const [shown] = await host.ipShow(['link', 'show', 'dev', ifName], { netns, signal });
  if (!shown) throw new CniError('unknownContainer', `container interface ${ifName} is missing in ${netns}`);
  return shown;
}

function linkStateOf(shown: IpObject): Required<LinkTuning> {
  const flags = (shown.flags as readonly string[] | undefined) ?? [];
  return {
    mac: String(shown.address),
    mtu: Number(shown.mtu),
    txQLen: Number(shown.txqlen),
    // Counts, because several may ask for them: the flag alone does not say whether ours is in.
    promisc: Number(shown.promiscuity ?? 0) > 0,
    allmulti: Number(shown.allmulti ?? 0) > 0 || flags.includes('ALLMULTI'),
  };
}

/** The namespace, the interface or the record may be gone; then there is nothing to give back. */
async function restore(request: Request, host: Host): Promise<void> {
  const { netns, ifName } = request;
  const record = recordOf(request);
  const before = record.load(attachmentOf(request));
  if (before && netns && (await host.netnsExists(netns))) {
    const options = { netns, signal: neverAborted };
    for (const [name, value] of Object.entries(before.sysctl)) {
      await unlessGone(host.restoreSysctl(name, value, options));
    }
    await restoreLink(linkLines(ifName, { ...nothing, ...before }), host, options);
  }
  record.remove(attachmentOf(request));
}

const nothing: LinkTuning = {
  mac: undefined,
  mtu: undefined,
  txQLen: undefined,
  promisc: undefined,
  allmulti: undefined,
};

async function restoreLink(lines: readonly string[], host: Host, options: HostOptions): Promise<void> {
  await unlessGone(host.ip(lines, options));
}

async function unlessGone(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof KernelError && error.isMissing)) throw error;
  });
}

function tunedResult(previous: CniResult, { mac, mtu }: LinkTuning, { ifName, netns }: Request): CniResult {
  const interfaces = previous.interfaces.map((link) => {
    if (link.name !== ifName || link.sandbox !== netns) return link;
    return { ...link, ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) };
  });
  return { ...previous, interfaces };
}

function recordOf(request: Request) {
  return createTuningRecord(request.config.dataDir, request.network.name);
}

function attachmentOf(request: Request): Attachment {
  return { containerID: request.containerId, ifname: request.ifName };
}

function explained(error: unknown, name: string): unknown {
  if (!(error instanceof KernelError)) return error;
  const why = error.isMissing ? 'the container has no such setting' : error.output;
  return new CniError('invalidNetworkConfig', `sysctl: ${name.replaceAll('/', '.')}: ${why}`, { cause: error });
}

/** The kernel prints lists with tabs. */
function plain(value: string): string {
  return value.trim().split(/\s+/).join(' ');
}
