import { neverAborted } from '@slipway/kit/abort';
import { describeWith } from '@slipway/kit/testing/capabilities';
import type { CallPlugin, Invocation } from '../skeleton/plugin.ts';
import { CniError, type CniErrorName, cniErrorCodes } from '../spec/cni-error.ts';
import type { JsonObject } from '../spec/json.ts';
import { decodeResult } from '../spec/result.ts';
import type { CniResult } from '../spec/types.ts';
import { commandExists, newestVersion, supportedVersions } from '../spec/versions.ts';
import { caseName, type PluginCase } from './plugin-case.ts';
import { inProcess, type Reach } from './reach.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from './test-network.ts';

/** An executable takes a quarter of a second to start on a busy machine, a test calls up to a dozen, and e2e/vm has this on an emulated one. */
const timeoutMs = 120_000;
const networkName = 'specification';
const validKey = 'cni.dev/valid-attachments';

/**
 * Section by section what the CNI specification asks of any plugin: life in every version, what is to be refused and with which
 * code, roll-back, repetition, left-overs. After each test the kernel must be as it was before.
 */
export function describeSpecification(plugin: PluginCase, reach: Reach): void {
  describeWith(plugin.missing, `CNI specification, ${caseName(plugin)} ${reach.name}`, () => {
    describeWithNetwork(`${caseName(plugin)} ${reach.name}`, () => {
      const suite = new SpecificationSuite(plugin, reach);
      beforeAll(() => suite.start());
      afterAll(() => suite.stop());

      it(`lives as CNI ${supportedVersions.join(', ')} say`, () => suite.livesAll(), timeoutMs);
      it('names the versions it supports', () => suite.namesVersions());
      if (reach.isSlow) return; // the rest is the same code
      it('refuses what the specification wants refused', () => suite.refuses(), timeoutMs);
      it('collects what does not belong to a valid attachment', () => suite.collects(), timeoutMs);
      it('cleans up without a namespace, without a result, and again', () => suite.cleansUp(), timeoutMs);
      if (plugin.role !== 'chained' && !plugin.hasNoMemory) {
        it('refuses a second ADD and leaves the first as it is', () => suite.refusesSecondAdd(), timeoutMs);
      }
      if (plugin.role === 'interface') {
        it('makes nothing when the interface exists already', () => suite.refusesTakenName(), timeoutMs);
      }
    });
  });
}

type Refusal = readonly [what: string, change: (whole: Invocation) => Invocation, code: CniErrorName];

const withConfig =
  (more: JsonObject) =>
  (whole: Invocation): Invocation => ({ ...whole, config: { ...(whole.config as JsonObject), ...more } });

/** Each on an ADD that would succeed otherwise. */
function refusals(plugin: PluginCase, hostNetns: string): Refusal[] {
  const environment: readonly [string, Partial<Invocation>][] = [
    ['no CNI_CONTAINERID', { containerId: '' }],
    ['a CNI_CONTAINERID with a slash', { containerId: 'a/b' }],
    ['a CNI_CONTAINERID that begins with a dot', { containerId: '.a' }],
    ['no CNI_IFNAME', { ifName: '' }],
    ['a CNI_IFNAME of 16 characters', { ifName: 'abcdefghijklmnop' }],
    ['a CNI_IFNAME of ..', { ifName: '..' }],
    ['a CNI_IFNAME with a colon', { ifName: 'a:b' }],
    ['a CNI_IFNAME with a space', { ifName: 'a b' }],
    ['no CNI_NETNS', { netns: '' }],
    ['CNI_ARGS that are no pairs', { args: 'IP' }],
  ];
  return [
    ...environment.map(([what, change]): Refusal => [what, (whole) => ({ ...whole, ...change }), 'invalidEnvironment']),
    ['unknown CNI_ARGS', (whole) => ({ ...whole, args: 'COLOUR=red' }), 'invalidEnvironment'],
    ["the host's own namespace", (whole) => ({ ...whole, netns: hostNetns }), 'invalidNetworkNamespace'],
    ['a namespace that is not there', (whole) => ({ ...whole, netns: '/run/netns/no-such' }), 'unknownContainer'],
    ['no cniVersion', withConfig({ cniVersion: undefined }), 'incompatibleVersion'],
    ['a cniVersion from the future', withConfig({ cniVersion: '9.9.9' }), 'incompatibleVersion'],
    ['no name', withConfig({ name: '' }), 'invalidNetworkConfig'],
    ['a name with a slash', withConfig({ name: 'a/b' }), 'invalidNetworkConfig'],
    ['a configuration that is no object', (whole) => ({ ...whole, config: [] }), 'decodingFailure'],
    ['a prevResult that is no result', withConfig({ prevResult: { ips: 'x' } }), 'decodingFailure'],
    [
      'CHECK without prevResult',
      (whole) => ({ ...withConfig({ prevResult: undefined })(whole), command: 'CHECK' }),
      'invalidNetworkConfig',
    ],
    ['CHECK without CNI_NETNS', (whole) => ({ ...whole, command: 'CHECK', netns: '' }), 'invalidEnvironment'],
    [
      'GC without valid attachments',
      (whole) => ({ ...withConfig({ prevResult: undefined })(whole), command: 'GC' }),
      'invalidNetworkConfig',
    ],
    ...(plugin.role === 'chained' && plugin.ifName !== 'lo'
      ? [['to be the first of a chain', withConfig({ prevResult: undefined }), 'invalidNetworkConfig'] as Refusal]
      : []),
  ];
}

/** One attachment of the plugin, and of the one that it is chained to. */
interface Attached {
  readonly answer: JsonObject;
  readonly result: CniResult;
  check(): Promise<unknown>;
  del(change?: Partial<Invocation>): Promise<void>;
}

class SpecificationSuite {
  readonly #plugin: PluginCase;
  readonly #reach: Reach;
  #network!: TestNetwork;
  #call!: CallPlugin;
  #path: readonly string[] = [];
  #containers = 0;

  constructor(plugin: PluginCase, reach: Reach) {
    this.#plugin = plugin;
    this.#reach = reach;
  }

  /** The first life makes what all attachments share, a bridge or a table: it is there before any comparison. */
  async start(): Promise<void> {
    this.#network = await createTestNetwork();
    const { call, path } = await this.#reach.open(this.#network);
    const { call: directly } = await inProcess.open(this.#network);
    this.#call = (type, ...rest) => (type === this.#plugin.type ? call : directly)(type, ...rest);
    this.#path = path;
    for (let each: PluginCase | undefined = this.#plugin; each; each = each.after) await each.prepare?.(this.#network);
    await (await this.#attach(await this.#container())).del();
  }

  async stop(): Promise<void> {
    await this.#network?.remove();
  }

  /** One version after the other; executables at once, as runtimes do. */
  async livesAll(): Promise<void> {
    const containers = await Promise.all(supportedVersions.map(() => this.#container()));
    await this.#leavesNothing(containers, async () => {
      const live = (version: string, i: number) => this.#lives(version, containers[i] as Container);
      if (this.#reach.isSlow) await Promise.all(supportedVersions.map(live));
      else for (const [i, version] of supportedVersions.entries()) await live(version, i);
    });
  }

  async #lives(version: string, container: Container): Promise<void> {
    const attached = await this.#attach(container, version);
    expect(attached.answer.cniVersion).toBe(version);
    this.#expectShape(attached.answer, version, container);
    if (version === '0.3.1') await expectCniError(attached.check(), 'incompatibleVersion');
    else await attached.check();
    if (!this.#reach.isSlow) {
      await this.#missesDamage(attached, version, container);
      for (const command of ['GC', 'STATUS'] as const) {
        const config = this.#config(this.#plugin, version, container, { [validKey]: [this.#idOf(container)] });
        const done = this.#invoke(this.#plugin, { command, containerId: '', netns: '', ifName: '', config });
        if (commandExists(command, version as '1.1.0')) await done;
        else await expectCniError(done, 'incompatibleVersion');
      }
      await attached.del();
    }
    await attached.del();
  }

  async #missesDamage(attached: Attached, version: string, { netns }: Container): Promise<void> {
    const { ifName = 'eth0', damage } = this.#plugin;
    if (!damage || version === '0.3.1') return;
    await damage(this.#network, { netns, ifName, result: attached.result });
    await expectCniError(attached.check());
  }

  async namesVersions(): Promise<void> {
    for (const cniVersion of supportedVersions) {
      const answer = await this.#invoke(this.#plugin, {
        command: 'VERSION',
        containerId: '',
        netns: '',
        ifName: '',
        config: { cniVersion },
      });
      expect(answer).toEqual({ cniVersion, supportedVersions: [...supportedVersions] });
    }
  }

  async refuses(): Promise<void> {
    const container = await this.#container();
    const before = this.#plugin.after ? await this.#attachOne(this.#plugin.after, container, newestVersion) : undefined;
    const prevResult = before?.answer;
    const config = this.#config(this.#plugin, newestVersion, container, { prevResult });
    await this.#leavesNothing([container], async () => {
      for (const [what, change, code] of refusals(this.#plugin, this.#network.hostNetns)) {
        const invocation = change(this.#invocation(container, { config }));
        const answered = await errorOf(this.#call(this.#plugin.type, invocation, neverAborted));
        expect([what, answered]).toEqual([what, expect.objectContaining({ code: cniErrorCodes[code] })]);
      }
    });
    await before?.del();
  }

  async collects(): Promise<void> {
    const [kept, lost] = [await this.#container(), await this.#container()];
    await this.#leavesNothing([kept], async () => {
      const attached = await this.#attach(kept);
      await this.#leavesNothing([lost], async () => {
        const leaked = await this.#attach(lost);
        const valid = { [validKey]: [this.#idOf(kept)] };
        for (let round = 0; round < 2; round++) {
          for (let each: PluginCase | undefined = this.#plugin; each; each = each.after) {
            const config = this.#config(each, newestVersion, kept, valid);
            await this.#invoke(each, { command: 'GC', containerId: '', netns: '', ifName: '', config });
          }
        }
        if (this.#plugin.hasNothingToCollect || this.#plugin.hasNoMemory) await leaked.del();
        else await expectCniError(leaked.check());
        await attached.check();
      });
      await attached.del();
    });
  }

  async cleansUp(): Promise<void> {
    const container = await this.#container();
    await this.#leavesNothing([], async () => {
      const attached = await this.#attach(container);
      await this.#network.removeNetns(container.netns);
      await attached.del();
      await attached.del({ netns: '' });
    });
    const never = { ...(await this.#container()), id: 'never-added' };
    await this.#leavesNothing([never], async () => {
      const config = this.#config(this.#plugin, newestVersion, never);
      await this.#invoke(this.#plugin, { ...this.#invocation(never, { config }), command: 'DEL' });
    });
    const forgotten = await this.#container();
    await this.#leavesNothing([forgotten], async () => {
      await this.#attach(forgotten);
      for (let each: PluginCase | undefined = this.#plugin; each; each = each.after) {
        const config = this.#config(each, newestVersion, forgotten, { prevResult: undefined });
        await this.#invoke(each, { ...this.#invocation(forgotten, { config }), command: 'DEL' });
      }
    });
  }

  async refusesSecondAdd(): Promise<void> {
    const container = await this.#container();
    await this.#leavesNothing([container], async () => {
      const attached = await this.#attach(container);
      await expectCniError(this.#attach(container));
      await attached.check();
      await attached.del();
    });
  }

  async refusesTakenName(): Promise<void> {
    const container = await this.#container();
    const { netns } = container;
    await this.#network.host.ip(['link add eth0 type veth peer name other'], { netns, signal: neverAborted });
    await this.#leavesNothing([container], () => expectCniError(this.#attach(container)));
  }

  /** Kernel objects are counted on the host and in the container, and files of reservations with them. */
  async #leavesNothing(containers: readonly Container[], work: () => Promise<void>): Promise<void> {
    const inside = containers.map(({ netns }) => netns);
    const before = await this.#network.kernelObjects(...inside);
    await work();
    expect(await this.#network.kernelObjects(...inside)).toBe(before);
  }

  async #container(): Promise<Container> {
    this.#containers++;
    const number = this.#containers;
    const netns = await this.#network.addNetns();
    // The kernel gives lo its addresses when it is up for the first time, and leaves them there.
    if (this.#plugin.ifName === 'lo') {
      await this.#network.host.ip(['link set lo up', 'link set lo down'], { netns, signal: neverAborted });
    }
    return { id: `c${number}`, netns, number };
  }

  #idOf(container: Container): JsonObject {
    return { containerID: container.id, ifname: this.#plugin.ifName ?? 'eth0' };
  }

  async #attach(container: Container, version: string = newestVersion): Promise<Attached> {
    const { after } = this.#plugin;
    const before = after ? await this.#attachOne(after, container, version) : undefined;
    const attached = await this.#attachOne(this.#plugin, container, version, before?.answer);
    if (before && !this.#plugin.changesResult) expect(attached.result).toEqual(before.result);
    return {
      ...attached,
      del: async (change) => {
        await attached.del(change);
        await before?.del(change);
      },
    };
  }

  async #attachOne(
    plugin: PluginCase,
    container: Container,
    version: string,
    prevResult?: JsonObject,
  ): Promise<Attached> {
    const config = this.#config(plugin, version, container, { prevResult });
    const invocation = this.#invocation(container, { config });
    const answer = (await this.#invoke(plugin, invocation)) ?? {};
    const later = { ...invocation, config: { ...config, prevResult: answer } };
    return {
      answer,
      result: decodeResult(answer),
      check: () => this.#invoke(plugin, { ...later, command: 'CHECK' }),
      del: async (change) => void (await this.#invoke(plugin, { ...later, command: 'DEL', ...change })),
    };
  }

  #config(plugin: PluginCase, version: string, container: Container, more: JsonObject = {}): JsonObject {
    return {
      cniVersion: version,
      name: networkName,
      type: plugin.type,
      ...plugin.config(this.#network),
      ...plugin.configOf?.(container.number),
      ...more,
    };
  }

  #invocation(container: Container, change: Partial<Invocation>): Invocation {
    return {
      command: 'ADD',
      containerId: container.id,
      netns: container.netns,
      ifName: this.#plugin.ifName ?? 'eth0',
      args: 'IgnoreUnknown=1;COLOUR=red',
      path: this.#path,
      config: {},
      ...change,
    };
  }

  #invoke(plugin: PluginCase, invocation: Partial<Invocation>): Promise<JsonObject | undefined> {
    const nobody: Container = { id: '', netns: '', number: 0 };
    return this.#call(plugin.type, this.#invocation(nobody, invocation), neverAborted);
  }

  /** "ADD Success": which keys there are, in which version. */
  #expectShape(answer: JsonObject, version: string, container: Container): void {
    const isOld = version.startsWith('0.');
    const { interfaces, ips, routes } = decodeResult(answer);
    for (const raw of (answer.ips ?? []) as readonly JsonObject[]) {
      expect(raw.version).toBe(isOld ? (String(raw.address).includes(':') ? '6' : '4') : undefined);
    }
    const known =
      version === '1.1.0' ? ['name', 'mac', 'mtu', 'sandbox', 'socketPath', 'pciID'] : ['name', 'mac', 'sandbox'];
    for (const raw of (answer.interfaces ?? []) as readonly JsonObject[]) {
      expect(known).toEqual(expect.arrayContaining(Object.keys(raw)));
    }
    if (this.#plugin.role === 'address') {
      expect(interfaces).toEqual([]);
      expect(ips.length).toBeGreaterThan(0);
      expect(ips.every((ip) => ip.interface === undefined)).toBe(true);
      return;
    }
    const inside = interfaces.findIndex((link) => link.sandbox === container.netns);
    expect(interfaces[inside]).toMatchObject({ name: this.#plugin.ifName ?? 'eth0' });
    for (const ip of ips) expect(ip.interface).toBe(inside);
    for (const route of routes) expect(route.dst).toMatch(/\/\d+$/);
  }
}

interface Container {
  readonly id: string;
  readonly netns: string;
  readonly number: number;
}

async function expectCniError(work: Promise<unknown>, code?: CniErrorName): Promise<void> {
  const error = await errorOf(work);
  expect(error).toBeInstanceOf(CniError);
  if (code) expect(error).toMatchObject({ code: cniErrorCodes[code] });
}

function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
}
