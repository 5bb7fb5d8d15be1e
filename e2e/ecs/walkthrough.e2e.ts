/** docs/ecs-walkthrough.md as it stands: its commands, on real containers, and what they print; with more load than the page shows. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { freePorts } from '../cluster/free-ports.ts';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { type Ran, type RunOptions, run } from '../harness/kubectl.ts';
import { startLoad } from '../harness/load.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';
import { repositoryRoot } from '../tidy/sources.ts';
import { difference, ranCommands, type Section, scriptOf, sectionsOf } from './walkthrough.ts';

const needs = { ...containerNeeds, programs: [...containerNeeds.programs, 'aws'] };
const endpointOfTheText = 'http://127.0.0.1:6480';
const sections = sectionsOf(readFileSync(join(repositoryRoot, 'docs/ecs-walkthrough.md'), 'utf8'));

function section(title: string): Section {
  const found = sections.find((each) => each.title === title);
  if (!found) throw new Error(`docs/ecs-walkthrough.md has no section '${title}'`);
  return found;
}

/** Exports and functions of the first section hold in all. */
const shared = section('Before the first one')
  .commands.map(({ command }) => command)
  .filter((command) => /^(export |\w+\(\))/.test(command));

interface Place {
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly endpoint: string;
  readonly bash: (options: RunOptions) => Promise<Ran>;
}

/** Throws with every command that printed something else than the page says. */
async function walk({ title, commands }: Section, { dataDir, kubeconfig, endpoint, bash }: Place): Promise<void> {
  const here = (command: string) => command.replaceAll(endpointOfTheText, endpoint).replaceAll('/tmp/', `${dataDir}/`);
  const preamble = [
    `cd '${repositoryRoot}'`,
    `export PATH="$PWD/node_modules/.bin:$PATH" KUBECONFIG='${kubeconfig}' HOME='${dataDir}'`,
    `export AWS_PAGER= AWS_EC2_METADATA_DISABLED=true AWS_CA_BUNDLE='${dataDir}/pki/ca.crt'`,
    `slipway() { command slipway "$@" --data-dir '${dataDir}'; }`,
    ...shared.map(here),
  ];
  const typed = { title, commands: commands.map((each) => ({ ...each, command: here(each.command) })) };
  const { stdout } = await bash({ input: scriptOf(typed, preamble) });
  const asShown = stdout.replaceAll(`${dataDir}/`, '/tmp/').replaceAll(` ${hostname()} `, ' my-machine ');
  const ran = ranCommands(typed, asShown);
  const differences = commands.flatMap((shown, i) => {
    const printed = ran[i];
    return printed ? (difference(shown, printed) ?? []) : [];
  });
  if (differences.length > 0) throw new Error(differences.join('\n\n'));
}

describeWith(missingCapability(needs), 'the walk through the examples of ECS', () => {
  let cluster: Cluster;
  let place: Place;

  beforeAll(async () => {
    const [ecsPort = 0] = await freePorts(1);
    cluster = await newCluster({ flags: ['--ecs-port', `${ecsPort}`] });
    await cluster.up();
    const { dataDir, kubeconfig } = cluster;
    place = {
      dataDir,
      kubeconfig,
      endpoint: `http://127.0.0.1:${ecsPort}`,
      bash: (options) => run('bash', ['-s'], options),
    };
    await walk(section('Before the first one'), place);
  });

  afterAll(() => cluster?.remove());

  it('starts and ends containers in the order of their dependencies', () =>
    walk(section('Three containers that wait for each other'), place));

  it('rolls out and back without a failed request', async () => {
    const load = eventually('the service to have tasks behind it', async () => {
      await cluster.kubectl(['wait', '--for=condition=Stable', 'services.ecs.slipway.dev/shop', '--timeout=1s']);
      const address = await cluster.kubectl(['get', 'service', 'shop', '-o', 'jsonpath={.spec.clusterIP}']);
      return startLoad(`http://${address}:8080/`, 4);
    });
    await walk(section('A new version under load, and two that are rolled back'), place);
    const { answers, failures } = await (await load)();
    expect(failures).toEqual([]);
    expect([...answers.keys()].sort()).toEqual(['shop 1', 'shop 2']);
  });

  it('puts away what it made', () => walk(section('Putting it away'), place));

  it('is the same with kubectl alone', () => walk(section('The same with kubectl alone'), place));
});

describeWith(missingCapability(needs), 'the walk through the daemon of ECS', () => {
  let cluster: NodeCluster;
  const ecsPort = 6480;

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: 2, controlFlags: ['--ecs-port', `${ecsPort}`] });
    await cluster.loadExampleImage('localhost/shop:1');
  });

  afterAll(() => cluster?.remove());

  it('has a task on each instance', async () => {
    const { dataDir, kubeconfig } = cluster;
    const bash = (options: RunOptions) => cluster.control.run('bash', ['-s'], options);
    const place = { dataDir, kubeconfig, endpoint: `https://${cluster.controlAddress}:${ecsPort}`, bash };
    const { title, commands } = section('Before the first one');
    await walk({ title, commands: commands.filter(({ command }) => !command.includes('image load')) }, place);
    await walk(section('A daemon: one task on each instance'), place);
  });
});
