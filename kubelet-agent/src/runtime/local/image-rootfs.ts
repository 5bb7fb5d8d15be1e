/** The fields of an OCI image configuration's `config` that say how to run it. Spelling is the image specification's. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface ContainerImage {
  /** Digest of the configuration. */
  readonly id: string;
  /** GOARCH's name: `amd64`, `386`, ... */
  readonly architecture: string;
  readonly config: ImageConfig;
  /** Directories of the unpacked layers, the uppermost first, whiteouts in overlayfs's own form. At least one. */
  readonly layers: readonly string[];
}

/** What the local runtime wants from an image store. */
export interface ImageRootfs {
  /**
   * Finds an image by reference or id and keeps its layers on disk until `release` with the same holder, also across
   * restarts and against other processes. Throws `RuntimeError` `imageNotFound`.
   */
  hold(image: string, holder: string, signal: AbortSignal): Promise<ContainerImage>;
  /** Idempotent. */
  release(holder: string): Promise<void>;
  /** All holders, to find those that have gone. */
  holders(): Promise<readonly string[]>;
}
