/**
 * Entries of the kernel's tables that lead to other machines, as plain data. `kernel-host.ts` carries the steps out and reads
 * the entries back.
 */
export interface RouteEntry {
  readonly kind: 'route';
  /** `10.64.1.0/24`, always with a length. */
  readonly destination: string;
  readonly link: string;
  /** Of either family; an IPv4 route may lead to an IPv6 neighbour. Absent: the link itself reaches the destination. */
  readonly gateway?: string;
  /** The gateway is taken for a neighbour on the link although no address of the link says so. IPv4 gateways only. */
  readonly isOnLink?: boolean;
  /** Who made it: a number that no other program on the machine uses (linux/rtnetlink.h, RTPROT). */
  readonly protocol: number;
  /** The main table when absent. */
  readonly table?: number;
  /** The metric: part of the key. Of several routes to one destination the one with the least is used. */
  readonly priority?: number;
}

/** Whose MAC an IP address on the link has, for good. */
export interface NeighbourEntry {
  readonly kind: 'neighbour';
  readonly link: string;
  readonly address: string;
  readonly mac: string;
}

/** To which machine a VXLAN link sends frames for a MAC. */
export interface ForwardingEntry {
  readonly kind: 'forwarding';
  readonly link: string;
  readonly mac: string;
  /** IP address of the machine. */
  readonly remote: string;
}

export type TableEntry = RouteEntry | NeighbourEntry | ForwardingEntry;

export interface TableStep {
  /**
   * - `add` fails when somebody has an entry under the same key (destination and table, address, MAC);
   * - `replace` takes the place of such an entry: only for what is ours;
   * - `delete` of an entry that is not there is fine.
   */
  readonly step: 'add' | 'replace' | 'delete';
  readonly entry: TableEntry;
}

/** A step that the kernel refused; the other steps were carried out. */
export interface TableFailure {
  readonly step: TableStep;
  readonly message: string;
  /** Somebody has an entry under this key. */
  readonly isExisting: boolean;
}

/** For messages: what `ip` or `bridge` would have been told. */
export function describeTableStep({ step, entry }: TableStep): string {
  switch (entry.kind) {
    case 'route':
      return `${step} route ${entry.destination}${entry.gateway ? ` via ${entry.gateway}` : ''} on link ${entry.link}`;
    case 'neighbour':
      return `${step} neighbour ${entry.address} with MAC ${entry.mac} on link ${entry.link}`;
    case 'forwarding':
      return `${step} forwarding of ${entry.mac} to ${entry.remote} on link ${entry.link}`;
  }
}
