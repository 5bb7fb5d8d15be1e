/** URLs, IP addresses and blocks of them. */
import { formatIp, type IpAddress, isInBlock, parseCidr, parseIp } from '@slipway/api/ip-address';
import { CelCidr, CelError, CelIp, CelUrl } from '../values.ts';
import { overload, perCharacter, type Cost, type Overload } from './overload.ts';

/** Addresses and URLs are taken apart. */
const walk: Cost = { of: ([size = 0]) => size * perCharacter, work: 40 };
const part: Cost = { resultSize: ([size = 0]) => size, work: 10 };

function urlFrom(text: string): CelUrl {
  const url = parseUrl(text);
  if (!url)
    throw new CelError(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    );
  return url;
}

/** An absolute URL, or an absolute path, as Go's ParseRequestURI takes them. */
function parseUrl(text: string): CelUrl | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u0020\u007f]/.test(text)) return undefined;
  if (text.startsWith('/'))
    return URL.canParse(text, 'none://') ? new CelUrl(new URL(text, 'none://'), text) : undefined;
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) || !URL.canParse(text)) return undefined;
  return new CelUrl(new URL(text), text);
}

/** Scheme, authority, path, query, as they were written. */
const urlShape = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/(?:[^/?#@]*@)?([^/?#]*))?([^?#]*)(?:\?([^#]*))?/;

function urlPart({ source }: CelUrl, index: 1 | 2 | 3 | 4): string {
  return urlShape.exec(source)?.[index] ?? '';
}

function hostOf(url: CelUrl): string {
  return urlPart(url, 2);
}

function hostname(url: CelUrl): string {
  return hostOf(url)
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$/g, '');
}

function portOf(url: CelUrl): string {
  return /:(\d*)$/.exec(hostOf(url))?.[1] ?? '';
}

function queryOf(url: CelUrl): Map<string, string[]> {
  const query = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(urlPart(url, 4))) {
    const known = query.get(key);
    if (known) known.push(value);
    else query.set(key, [value]);
  }
  return query;
}

function ipFrom(text: string): CelIp {
  const ip = parseStrictIp(text);
  if (!ip)
    throw new CelError(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`,
    );
  return new CelIp(ip);
}

/** IPv4 written as IPv6 is refused, as upstream does. */
function parseStrictIp(text: string): IpAddress | undefined {
  const ip = parseIp(text);
  if (!ip || text.includes('%')) return undefined;
  return ip.family === 6 && ip.value >> 32n === 0xffffn ? undefined : ip;
}

function cidrFrom(text: string): CelCidr {
  const cidr = parseCidrText(text);
  if (!cidr)
    throw new CelError(
      `CIDR ${JSON.stringify(text)} parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): no '/'`,
    );
  return cidr;
}

function parseCidrText(text: string): CelCidr | undefined {
  const address = parseStrictIp(text.slice(0, Math.max(text.indexOf('/'), 0)));
  const block = parseCidr(text);
  return address && block ? new CelCidr(block, address) : undefined;
}

function inRange({ family, value }: IpAddress, from4: bigint, bits4: bigint, from6: bigint, bits6: bigint): boolean {
  return family === 4 ? value >> (32n - bits4) === from4 : value >> (128n - bits6) === from6;
}

const ipTests: Readonly<Record<string, (ip: IpAddress) => boolean>> = {
  isUnspecified: ({ value }) => value === 0n,
  isLoopback: (ip) => (ip.family === 4 ? ip.value >> 24n === 127n : ip.value === 1n),
  isLinkLocalMulticast: (ip) => inRange(ip, 0xe00000n, 24n, 0xff02n, 16n),
  isLinkLocalUnicast: (ip) => inRange(ip, 0xa9fen, 16n, 0xfe80n >> 6n, 10n),
  isGlobalUnicast: (ip) =>
    ip.value !== 0n &&
    !(ip.family === 4 && ip.value === 0xffffffffn) &&
    !(ip.family === 4 ? ip.value >> 24n === 127n : ip.value === 1n) &&
    !inRange(ip, 0xen, 4n, 0xffn, 8n) &&
    !inRange(ip, 0xa9fen, 16n, 0xfe80n >> 6n, 10n),
};

function contains({ block }: CelCidr, other: CelCidr): boolean {
  return block.prefixLength <= other.block.prefixLength && isInBlock(block, other.address);
}

export const networkOverloads: readonly Overload[] = [
  overload<[string]>('url(string): URL', ([text]) => urlFrom(text), { ...walk, ...part }),
  overload<[string]>('isURL(string): bool', ([text]) => parseUrl(text) !== undefined, walk),
  overload<[CelUrl]>('URL.getScheme(): string', ([url]) => urlPart(url, 1).toLowerCase(), part),
  overload<[CelUrl]>('URL.getHost(): string', ([url]) => hostOf(url), part),
  overload<[CelUrl]>('URL.getHostname(): string', ([url]) => hostname(url), part),
  overload<[CelUrl]>('URL.getPort(): string', ([url]) => portOf(url), part),
  overload<[CelUrl]>('URL.getEscapedPath(): string', ([url]) => encodeURI(decodeURI(urlPart(url, 3))), part),
  overload<[CelUrl]>('URL.getQuery(): map<string, list<string>>', ([url]) => queryOf(url), part),
  overload<[string]>('ip(string): IP', ([text]) => ipFrom(text), walk),
  overload<[CelCidr]>('CIDR.ip(): IP', ([cidr]) => new CelIp(cidr.address)),
  overload<[string]>('isIP(string): bool', ([text]) => parseStrictIp(text) !== undefined, walk),
  overload<[string]>('ip.isCanonical(string): bool', ([text]) => formatIp(ipFrom(text).ip) === text, walk),
  overload<[CelIp]>('IP.family(): int', ([{ ip }]) => BigInt(ip.family)),
  ...Object.entries(ipTests).map(([name, test]) => overload<[CelIp]>(`IP.${name}(): bool`, ([{ ip }]) => test(ip))),
  overload<[CelIp]>('string(IP): string', ([{ ip }]) => formatIp(ip), { resultSize: () => 39 }),
  overload<[string]>('cidr(string): CIDR', ([text]) => cidrFrom(text), walk),
  overload<[string]>('isCIDR(string): bool', ([text]) => parseCidrText(text) !== undefined, walk),
  overload<[CelCidr, CelIp]>('CIDR.containsIP(IP): bool', ([{ block }, { ip }]) => isInBlock(block, ip)),
  overload<[CelCidr, string]>(
    'CIDR.containsIP(string): bool',
    ([{ block }, text]) => isInBlock(block, ipFrom(text).ip),
    walk,
  ),
  overload<[CelCidr, CelCidr]>('CIDR.containsCIDR(CIDR): bool', ([cidr, other]) => contains(cidr, other)),
  overload<[CelCidr, string]>(
    'CIDR.containsCIDR(string): bool',
    ([cidr, text]) => contains(cidr, cidrFrom(text)),
    walk,
  ),
  overload<[CelCidr]>('CIDR.prefixLength(): int', ([{ block }]) => BigInt(block.prefixLength)),
  overload<[CelCidr]>(
    'CIDR.masked(): CIDR',
    ([{ block }]) => new CelCidr(block, { family: block.family, value: block.base }),
  ),
  overload<[CelCidr]>('string(CIDR): string', ([cidr]) => cidr.text(), { resultSize: () => 43 }),
];
