import type { ContainerConfig } from '../runtime/cri.ts';

/** A sandbox as a form sees it: what the runtime keeps of it, so that it is known before and without the API server. */
export interface MetadataSandbox {
  readonly id: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** Undefined in the host's network. */
  readonly netns: string | undefined;
}

export interface MetadataRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly body: string;
  /** The container with this ID; undefined when there is none in the network namespace that the request came from. */
  find(id: string): MetadataContainer | undefined;
}

export interface MetadataContainer {
  readonly sandbox: MetadataSandbox;
  /** In the pod. */
  readonly name: string;
}

export interface MetadataAnswer {
  readonly status: number;
  /** Becomes JSON. */
  readonly body: unknown;
}

/** What metadata of one platform looks like: who asks for it, how its containers find it, what is answered. */
export interface MetadataForm {
  isWantedBy(annotations: Readonly<Record<string, string>>): boolean;
  /** Environment that leads the container to `baseUrl`; `id` is its secret. */
  variables(baseUrl: string, id: string): ContainerConfig['envs'];
  /** Throws `StatusError` for what the API server refused. */
  answer(request: MetadataRequest, signal: AbortSignal): Promise<MetadataAnswer>;
}
