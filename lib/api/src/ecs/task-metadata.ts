/**
 * What a container may ask about its task, at an endpoint that the node's agent serves (`kubelet-agent/src/task-metadata`). The facts that only
 * the maker of the pod knows stand on the pod as an annotation, in JSON; the agent adds what it sees for itself. The agent needs no other
 * object to answer, so it answers while the API server is away.
 */

/** On a pod: it wants an endpoint of this form, with these facts. */
export const taskMetadataAnnotation = 'slipway.dev/task-metadata';

/**
 * On tasks and services that came through the ECS API: the ARN of their cluster, as their maker sees it. Objects hold names, since region
 * and account belong to who asks; a task that asks about itself has those of who made it.
 */
export const clusterArnAnnotation = 'slipway.dev/ecs-cluster-arn';

/** An ECS task, as far as its definition says. */
export interface EcsTaskFacts {
  readonly form: 'ecs';
  /** Absent on what was made with kubectl. */
  readonly clusterArn?: string;
  readonly family: string;
  readonly revision: number;
  /** ECS' name of the service. */
  readonly serviceName?: string;
  readonly launchType: string;
  readonly networkMode: string;
  /** Of the whole task: vCPUs and MiB. */
  readonly limits?: { readonly cpu?: number; readonly memory?: number };
  /** By the container's name in the pod. */
  readonly containers: Readonly<Record<string, EcsContainerFacts>>;
}

export interface EcsContainerFacts {
  /** ECS' name. */
  readonly name: string;
  /** CPU units. */
  readonly cpu?: number;
  /** MiB. */
  readonly memory?: number;
  /** How long it may be without a success of its health check before it counts as unhealthy; absent without a check. */
  readonly unhealthyAfterMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly logDriver?: string;
  readonly logOptions?: Readonly<Record<string, string>>;
}

const clusterArnPattern = /^arn:[a-z-]+:ecs:([a-z0-9-]+):(\d{12}):cluster\/([A-Za-z0-9_-]{1,255})$/;

export interface ClusterArn {
  /** `arn:aws:ecs:eu-central-1:123456789012:` */
  readonly prefix: string;
  readonly region: string;
  readonly cluster: string;
}

/** Undefined for what is no ARN of a cluster. */
export function parseClusterArn(arn: string | undefined): ClusterArn | undefined {
  const [, region, , cluster] = clusterArnPattern.exec(arn ?? '') ?? [];
  if (arn === undefined || region === undefined || cluster === undefined) return undefined;
  return { prefix: arn.slice(0, arn.length - `cluster/${cluster}`.length), region, cluster };
}

/** Undefined when the pod asks for no endpoint, or for one in a form that is not known. */
export function ecsTaskFacts(
  annotations: Readonly<Record<string, string | undefined>> | undefined,
): EcsTaskFacts | undefined {
  const text = annotations?.[taskMetadataAnnotation];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.form !== 'ecs' || !isRecord(value.containers)) return undefined;
  const areTexts = ['family', 'launchType', 'networkMode'].every((key) => typeof value[key] === 'string');
  const areNamed = Object.values(value.containers).every((each) => isRecord(each) && typeof each.name === 'string');
  return areTexts && areNamed && typeof value.revision === 'number' ? (value as unknown as EcsTaskFacts) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
