/**
 * Links between machines. A segment is a switch: a bridge in a namespace that all machines of the segment are plugged into, and
 * that has an address too, so commands run there are those of somebody on the same LAN. The switch of the first
 * segment routes between the segments.
 *
 *     segment 0   192.168.100.0/24    switch .1    machines .11, .12, ...
 *     segment 1   192.168.101.0/24    switch .1
 */
import type { NamespacedMachine } from './namespaced-machine.ts';

export const lanInterface = 'eth0';
const firstHost = 10;

export function lanAddress(segment: number, host: number): string {
  return `192.168.${100 + segment}.${host}`;
}

export class Lan {
  /** Switch, router, and the seat of a client outside the cluster. */
  readonly router: NamespacedMachine;
  readonly #mtu: number;
  readonly #next: number[] = [];
  #ports = 0;

  constructor(router: NamespacedMachine, mtu: number) {
    this.router = router;
    this.#mtu = mtu;
  }

  async addSegment(): Promise<void> {
    const segment = this.#next.length;
    this.#next.push(firstHost);
    await this.router.ip(
      `link add lan${segment} mtu ${this.#mtu} type bridge`,
      `address add ${lanAddress(segment, 1)}/24 dev lan${segment}`,
      `link set lan${segment} up`,
    );
    if (segment === 0) await this.router.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  }

  /** Gives the machine an interface with an address and a default route. Answers the address. */
  async plugIn(machine: NamespacedMachine, segment: number): Promise<LanPort> {
    const host = (this.#next[segment] ?? firstHost) + 1;
    this.#next[segment] = host;
    const port = `port${this.#ports++}`;
    await this.router.ip(
      `link add ${port} mtu ${this.#mtu} type veth peer name ${lanInterface} mtu ${this.#mtu} netns ${machine.pid}`,
      `link set ${port} master lan${segment} up`,
    );
    const address = lanAddress(segment, host);
    await machine.ip(
      `address add ${address}/24 dev ${lanInterface}`,
      `link set ${lanInterface} up`,
      `route add default via ${lanAddress(segment, 1)}`,
    );
    return { address, name: port, segment };
  }

  /** Pulls the plug, or puts it in again. */
  async setPlugged(port: LanPort, isPlugged: boolean): Promise<void> {
    await this.router.ip(`link set ${port.name} ${isPlugged ? 'up' : 'down'}`);
  }
}

export interface LanPort {
  readonly address: string;
  /** The switch's interface. */
  readonly name: string;
  readonly segment: number;
}
