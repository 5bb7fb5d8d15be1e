/** `/v4/ID` and `/v3/ID`: one container in the words of ECS' agent. Pure. */
import type { ObservedContainer, ObservedTask } from './observed-task.ts';
import { taskArns } from './task-arns.ts';

export type MetadataVersion = 'v3' | 'v4';

export type ContainerState = 'CREATED' | 'RUNNING' | 'STOPPED';

const dockerNameDigits = 20;

export function containerDocument(task: ObservedTask, container: ObservedContainer, version: MetadataVersion): object {
  const { facts, runtime } = container;
  const known = knownState(container);
  const health = healthOf(task, container);
  const limits = {
    ...(facts.cpu === undefined ? {} : { CPU: facts.cpu }),
    ...(facts.memory === undefined ? {} : { Memory: facts.memory }),
  };
  return {
    DockerId: runtime.id,
    Name: facts.name,
    DockerName: dockerName(task, container),
    Image: runtime.image.userSpecifiedImage ?? runtime.image.image,
    ImageID: runtime.imageRef,
    ...portsOf(task, container),
    Labels: labelsOf(task, container),
    DesiredStatus: task.isEnding || known === 'STOPPED' ? 'STOPPED' : 'RUNNING',
    KnownStatus: known,
    ...(known === 'STOPPED' ? { ExitCode: runtime.exitCode } : {}),
    Limits: { CPU: 0, ...limits },
    CreatedAt: timeText(runtime.createdAtMs),
    ...(runtime.startedAtMs > 0 ? { StartedAt: timeText(runtime.startedAtMs) } : {}),
    ...(runtime.finishedAtMs > 0 ? { FinishedAt: timeText(runtime.finishedAtMs) } : {}),
    Type: 'NORMAL',
    ...(health ? { Health: health } : {}),
    ...volumesOf(container),
    ...(version === 'v4' ? versionFour(task, container) : {}),
    Networks: [networkOf(task, version)],
  };
}

/** ECS has nothing between these once there is a container. */
export function knownState({ runtime }: ObservedContainer): ContainerState {
  if (runtime.state === 'CONTAINER_RUNNING') return 'RUNNING';
  return runtime.state === 'CONTAINER_CREATED' ? 'CREATED' : 'STOPPED';
}

/** On Fargate there is no Docker whose names would have to be unique on the machine. */
export function dockerName({ facts }: ObservedTask, container: ObservedContainer): string {
  const { name } = container.facts;
  if (facts.launchType === 'FARGATE') return name;
  return `ecs-${facts.family}-${facts.revision}-${name}-${container.runtime.id.slice(0, dockerNameDigits)}`;
}

function labelsOf(task: ObservedTask, { facts }: ObservedContainer): object {
  const { cluster, clusterArn, taskArn } = taskArns(task);
  return {
    ...facts.labels,
    'com.amazonaws.ecs.cluster': task.facts.launchType === 'FARGATE' ? clusterArn : cluster,
    'com.amazonaws.ecs.container-name': facts.name,
    'com.amazonaws.ecs.task-arn': taskArn,
    'com.amazonaws.ecs.task-definition-family': task.facts.family,
    'com.amazonaws.ecs.task-definition-version': String(task.facts.revision),
  };
}

function versionFour(task: ObservedTask, { facts, runtime, wanted }: ObservedContainer): object {
  const restarts = wanted?.restartPolicy !== undefined ? { RestartCount: runtime.metadata.attempt } : {};
  return {
    ...(facts.logDriver === undefined ? {} : { LogDriver: facts.logDriver }),
    ...(facts.logOptions && Object.keys(facts.logOptions).length > 0 ? { LogOptions: facts.logOptions } : {}),
    ContainerARN: taskArns(task).containerArn(facts.name),
    ...restarts,
  };
}

/** A check that has not succeeded yet says nothing until its time is over. */
function healthOf({ observedAtMs }: ObservedTask, { facts, told, runtime }: ObservedContainer): object | undefined {
  if (facts.unhealthyAfterMs === undefined) return undefined;
  const isToldOfThis = told?.containerID?.endsWith(runtime.id) === true;
  if (isToldOfThis && told.ready) return { status: 'HEALTHY' };
  const isOverdue = runtime.startedAtMs > 0 && runtime.startedAtMs + facts.unhealthyAfterMs <= observedAtMs;
  return { status: isToldOfThis && isOverdue ? 'UNHEALTHY' : 'UNKNOWN' };
}

/** Only in bridge and host mode a port is somebody else's, too. */
function portsOf({ facts }: ObservedTask, { wanted }: ObservedContainer): object {
  const ports = (wanted?.ports ?? []).flatMap(({ containerPort, hostPort, protocol }) =>
    hostPort === undefined
      ? []
      : [
          {
            ContainerPort: containerPort,
            Protocol: protocol === 'UDP' ? 'udp' : 'tcp',
            HostPort: hostPort,
            HostIp: '0.0.0.0',
          },
        ],
  );
  return facts.networkMode === 'awsvpc' || ports.length === 0 ? {} : { Ports: ports };
}

/** Those that the task asked for; what the platform mounts besides is its own affair. */
function volumesOf({ wanted, runtime }: ObservedContainer): object {
  const names = new Map((wanted?.volumeMounts ?? []).map(({ mountPath, name }) => [mountPath, name]));
  const volumes = runtime.mounts.flatMap(({ containerPath, hostPath }) => {
    const name = names.get(containerPath);
    return name === undefined ? [] : [{ DockerName: name, Source: hostPath, Destination: containerPath }];
  });
  return volumes.length > 0 ? { Volumes: volumes } : {};
}

function networkOf(task: ObservedTask, version: MetadataVersion): object {
  const { facts, ips, network, dns } = task;
  const v4 = ips.filter((ip) => !ip.includes(':'));
  const v6 = ips.filter((ip) => ip.includes(':'));
  const address = v4[0];
  const basic = {
    NetworkMode: facts.networkMode,
    ...(v4.length > 0 ? { IPv4Addresses: v4 } : {}),
    ...(v6.length > 0 ? { IPv6Addresses: v6 } : {}),
  };
  if (version === 'v3' || facts.networkMode !== 'awsvpc') return basic;
  const [, bits] = network?.subnet?.split('/') ?? [];
  return {
    ...basic,
    AttachmentIndex: 0,
    ...(network ? { MACAddress: network.mac } : {}),
    ...(network?.subnet ? { IPv4SubnetCIDRBlock: network.subnet } : {}),
    ...(dns.servers.length > 0 ? { DomainNameServers: dns.servers } : {}),
    ...(dns.searches.length > 0 ? { DomainNameSearchList: dns.searches } : {}),
    ...(address ? { PrivateDNSName: privateName(address, task) } : {}),
    ...(network?.gateway ? { SubnetGatewayIpv4Address: `${network.gateway}/${bits ?? 32}` } : {}),
  };
}

/** The name by which the cluster's DNS has the address. */
function privateName(address: string, { pod, clusterDomain }: ObservedTask): string {
  return `${address.replaceAll('.', '-')}.${pod.namespace}.pod.${clusterDomain}`;
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
