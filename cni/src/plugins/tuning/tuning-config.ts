import { CniError } from '../../spec/cni-error.ts';
import { fields, optionalBoolean, optionalNumber, optionalString } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { parseMac } from '../container-link/requested-mac.ts';

/** The keys of the reference tuning plugin; each is left alone when absent. */
export interface TuningConfig {
  /** By path below /proc/sys: `net/ipv4/conf/IFNAME/arp_filter`; `IFNAME` stands for the interface's name. */
  readonly sysctl: ReadonlyMap<string, string>;
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly txQLen: number | undefined;
  readonly promisc: boolean | undefined;
  readonly allmulti: boolean | undefined;
  /** Where the values before are kept until DEL. */
  readonly dataDir: string;
}

/** On a tmpfs: a container's interface does not outlast the machine. */
const dataDirDefault = '/run/cni/tuning';
const mtuMin = 68;
const mtuMax = 65_535;

export function parseTuningConfig(network: NetworkConfig): TuningConfig {
  const mtu = optionalNumber(network, 'mtu') || undefined;
  if (mtu !== undefined && (!Number.isInteger(mtu) || mtu < mtuMin || mtu > mtuMax)) {
    throw invalid(`mtu: ${mtu} is not between ${mtuMin} and ${mtuMax}`);
  }
  const txQLen = optionalNumber(network, 'txQLen');
  if (txQLen !== undefined && (!Number.isInteger(txQLen) || txQLen < 0)) throw invalid(`txQLen: ${txQLen}`);
  const mac = optionalString(network, 'mac');
  return {
    sysctl: parseSysctls(network.sysctl),
    mac: mac ? parseMac(mac) : undefined,
    mtu,
    txQLen,
    promisc: optionalBoolean(network, 'promisc') || undefined,
    allmulti: optionalBoolean(network, 'allmulti'),
    dataDir: optionalString(network, 'dataDir') || dataDirDefault,
  };
}

function parseSysctls(raw: unknown): ReadonlyMap<string, string> {
  const given = Object.entries(raw === undefined || raw === null ? {} : fields(raw, 'sysctl'));
  return new Map(
    given.map(([name, value]) => {
      if (typeof value !== 'string') throw invalid(`sysctl: the value of ${name} is not a string`);
      return [pathOf(name), value];
    }),
  );
}

/**
 * Names with slashes may have dots in an interface's name. Only `net` has settings of a network namespace; those of it that
 * are the machine's are not shown inside, so that they cannot be found there.
 */
function pathOf(name: string): string {
  const path = name.includes('/') ? name : name.replaceAll('.', '/');
  const parts = path.split('/');
  if (parts[0] !== 'net' || parts.length < 2 || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw invalid(`sysctl: ${name} is not a setting of a network namespace: it has to begin with net.`);
  }
  return path;
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
