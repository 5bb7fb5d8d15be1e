/**
 * ARNs of the long format. They are made when something is shown and taken apart when something is asked for; objects hold names. The region is
 * that of the request's signature, the account is the platform's one.
 */
import { invalidParameter } from '../wire/ecs-error.ts';

export class Arns {
  readonly #prefix: string;
  readonly region: string;
  readonly account: string;

  constructor(region: string, account: string) {
    this.region = region;
    this.account = account;
    this.#prefix = `arn:aws:ecs:${region}:${account}:`;
  }

  cluster(cluster: string): string {
    return `${this.#prefix}cluster/${cluster}`;
  }
  taskDefinition(family: string, revision: number | string): string {
    return `${this.#prefix}task-definition/${family}:${revision}`;
  }
  task(cluster: string, id: string): string {
    return `${this.#prefix}task/${cluster}/${id}`;
  }
  container(cluster: string, task: string, id: string): string {
    return `${this.#prefix}container/${cluster}/${task}/${id}`;
  }
  service(cluster: string, service: string): string {
    return `${this.#prefix}service/${cluster}/${service}`;
  }
  serviceDeployment(cluster: string, service: string, id: string): string {
    return `${this.#prefix}service-deployment/${cluster}/${service}/${id}`;
  }
  serviceRevision(cluster: string, service: string, id: string): string {
    return `${this.#prefix}service-revision/${cluster}/${service}/${id}`;
  }
  containerInstance(cluster: string, id: string): string {
    return `${this.#prefix}container-instance/${cluster}/${id}`;
  }
  capacityProvider(name: string): string {
    return `${this.#prefix}capacity-provider/${name}`;
  }
  /** Users of the platform as principals. */
  user(name: string): string {
    return `arn:aws:iam::${this.account}:user/${name}`;
  }
}

export interface ParsedArn {
  /** `task-definition`, `task`, `cluster`, ... */
  readonly kind: string;
  /** What follows the kind, at its slashes. */
  readonly parts: readonly string[];
}

const arnPattern = /^arn:[a-z-]+:ecs:[a-z0-9-]*:\d*:([a-z-]+)\/(.+)$/;

/** Undefined for what is no ARN of ECS. */
export function parseArn(text: string): ParsedArn | undefined {
  const [, kind, rest] = arnPattern.exec(text) ?? [];
  return kind === undefined || rest === undefined ? undefined : { kind, parts: rest.split('/') };
}

/** The name in a short name or an ARN of the kind: of `.../CLUSTER/NAME` the last part. Throws EcsError for an ARN of something else. */
export function nameFrom(kind: string, reference: string): string {
  if (!reference.startsWith('arn:')) return reference;
  const arn = parseArn(reference);
  if (!arn || arn.kind !== kind) throw invalidParameter(`Invalid identifier: ${reference.slice(0, 200)}`);
  return arn.parts.at(-1) ?? '';
}

/** The cluster that an ARN of something inside one names. */
export function clusterOfArn(reference: string): string | undefined {
  const arn = parseArn(reference);
  return arn && arn.parts.length > 1 ? arn.parts[0] : undefined;
}
