import { neverAborted } from '@slipway/kit/abort';
import { type Host, type IpObject, KernelError } from '../../host/host.ts';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { CniResult } from '../../spec/types.ts';
import { checkFailed } from '../container-link/check-container-link.ts';
import { hostInterfaceName, interfaceAlias, parseInterfaceAlias } from '../names.ts';
import { type BandwidthConfig, parseBandwidthConfig } from './bandwidth-config.ts';
import { egressLines, ingressLines, requireBurstForMtu } from './shaping-plan.ts';

type Request = CniRequest<BandwidthConfig>;

/** Slows down what a container receives and sends. Chained after a plugin that made a veth pair. */
export const bandwidth: CniPlugin<BandwidthConfig> = {
  name: 'bandwidth',
  delegatesIpam: false,
  parseConfig: parseBandwidthConfig,

  async add(request, host, undo) {
    const { config, previous, signal } = request;
    if (!previous) throw new CniError('invalidNetworkConfig', 'bandwidth must be called as chained plugin');
    if (!config.ingress && !config.egress) return previous;
    const { name, mtu } = await requireHostEnd(previous, request, host);
    requireBurstForMtu(config, mtu);
    undo.push('remove the shaping', () => removeShaping(name, request, host));
    if (config.egress) await addIfb(request, mtu, host);
    await host.tc(
      [
        ...(config.ingress ? ingressLines(name, config.ingress, config) : []),
        ...(config.egress ? egressLines(name, ifbName(request), config.egress, config) : []),
      ],
      { signal },
    );
    return previous;
  },

  async check(request, previous, host) {
    const { config } = request;
    if (!config.ingress && !config.egress) return;
    const { name } = await requireHostEnd(previous, request, host);
    if (config.ingress) await requireQdisc(name, config, request, host);
    if (config.egress) await requireQdisc(ifbName(request), config, request, host);
  },

  async del(request, host) {
    const { previous, config } = request;
    // With its result known, the rates are known as well: none means that nothing was made.
    if (previous && !config.ingress && !config.egress) return;
    const end = previous && (await hostEnd(previous, request, host));
    await removeShaping(end?.name, request, host);
  },

  async gc({ network, signal }, valid, host) {
    const expected = new Set(valid.map(({ containerID, ifname }) => hostInterfaceName(containerID, `${ifname}/ifb`)));
    for (const link of await host.ipShow(['link', 'show', 'type', 'ifb'], { signal })) {
      const name = String(link.ifname);
      const owner = parseInterfaceAlias(link.ifalias);
      if (owner?.network === network.name && !expected.has(name)) await removeIfb(name, host);
    }
  },
};

/** Like the host's end of the pair, after a name that no interface can have. */
function ifbName({ containerId, ifName }: Pick<Request, 'containerId' | 'ifName'>): string {
  return hostInterfaceName(containerId, `${ifName}/ifb`);
}

interface HostEnd {
  readonly name: string;
  readonly mtu: number;
}

async function requireHostEnd(result: CniResult, request: Request, host: Host): Promise<HostEnd> {
  const end = await hostEnd(result, request, host);
  if (end) return end;
  throw new CniError(
    'invalidNetworkConfig',
    `bandwidth: prevResult names no veth pair's end on the host for ${request.ifName}: it cannot shape other interfaces`,
  );
}

/** Bridges are links of the host too: only the kernel knows which of the result's is the pair's end. */
async function hostEnd(result: CniResult, { signal }: Request, host: Host): Promise<HostEnd | undefined> {
  for (const link of result.interfaces.filter((each) => !each.sandbox).toReversed()) {
    const [shown] = await host.ipShow(['link', 'show', 'dev', link.name], { signal });
    if (kindOf(shown) === 'veth') return { name: link.name, mtu: Number(shown?.mtu) };
  }
  return undefined;
}

function kindOf(shown: IpObject | undefined): string | undefined {
  return (shown?.linkinfo as { info_kind?: string } | undefined)?.info_kind;
}

async function addIfb(request: Request, mtu: number, host: Host): Promise<void> {
  const name = ifbName(request);
  try {
    await host.ip(
      [
        `link add ${name} mtu ${mtu} type ifb`,
        `link set ${name} alias ${interfaceAlias(request)}`,
        `link set ${name} up`,
      ],
      { signal: request.signal },
    );
  } catch (error) {
    if (!(error instanceof KernelError) || !/Unknown device type|not supported/.test(error.output)) throw error;
    throw new CniError('kernelRefused', 'egressRate: this kernel has no ifb links', { cause: error });
  }
}

async function requireQdisc(link: string, config: BandwidthConfig, { signal }: Request, host: Host): Promise<void> {
  const kind = config.subnets.length > 0 ? 'htb' : 'tbf';
  const shown = await host.tcShow(['qdisc', 'show', 'dev', link], { signal });
  if (!shown.some((qdisc) => qdisc.kind === kind && qdisc.root === true)) {
    throw checkFailed(`${link} has no ${kind} that limits its rate`);
  }
}

/** Works without the caller's signal too, as a roll-back has to. Each of them may be gone, or never have been. */
async function removeShaping(end: string | undefined, request: Request, host: Host): Promise<void> {
  if (end) {
    for (const which of ['root', 'ingress']) {
      await host.tc([`qdisc del dev ${end} ${which}`], { signal: neverAborted }).catch((error: unknown) => {
        if (!(error instanceof KernelError)) throw error;
      });
    }
  }
  await removeIfb(ifbName(request), host);
}

async function removeIfb(name: string, host: Host): Promise<void> {
  await host.link([{ step: 'deleteLink', name }], { signal: neverAborted }).catch((error: unknown) => {
    if (!(error instanceof KernelError && error.isMissing)) throw error;
  });
}
