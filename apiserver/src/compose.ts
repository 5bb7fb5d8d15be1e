/** The object graph of the API server, built in one place. */
import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import type { ApiResource } from '@slipway/api/resources';
import type { Transport } from '@slipway/api/transport';
import { deadlineSignal } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { Admission } from './admission/admission.ts';
import { pluginChain } from './admission/chain.ts';
import { PolicyStatus } from './admission/policies/policy-status.ts';
import { Authenticator } from './authn/authenticator.ts';
import { BootstrapTokens } from './authn/bootstrap-tokens.ts';
import { type LegacyTokenRequest, ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { StaticTokens } from './authn/static-tokens.ts';
import { TokenKinds } from './authn/token-outcome.ts';
import { AuthorizerChain } from './authz/authorizer.ts';
import { NodeAuthorizer } from './authz/node-authorizer.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { bootstrap, bootstrapHosts } from './bootstrap/bootstrap.ts';
import { installKinds, type OwnKinds } from './bootstrap/install-kinds.ts';
import { LocalApiServices } from './bootstrap/local-api-services.ts';
import { ServerPresence } from './bootstrap/server-presence.ts';
import { type ApiServerConfig, pkiDirectory } from './config.ts';
import { CustomResources } from './custom-resources/custom-resources.ts';
import { definitionStrategy } from './custom-resources/definition/strategy.ts';
import { conversionCall } from './custom-resources/conversion/conversion-call.ts';
import { createEcsDialect, type EcsDialect } from './dialects/ecs/ecs-dialect.ts';
import { liveDiscovery } from './discovery/live-discovery.ts';
import { readCauses } from './http/causes.ts';
import type { Connect } from './http/connect.ts';
import type { HealthCheck } from './http/health.ts';
import { createHttpServer, type HttpServer, type HttpServerDeps } from './http/http-server.ts';
import { inProcessTransport } from './http/in-process-transport.ts';
import { AdmissionMetrics } from './metrics/admission-metrics.ts';
import { Metrics } from './metrics/metrics.ts';
import { addProcessMetrics } from './metrics/process-metrics.ts';
import { addObjectCounts, measuredBackend } from './metrics/storage-metrics.ts';
import type { LineParts } from './http/request-line.ts';
import { reviewResources } from './http/reviews.ts';
import { clientIdentities, keepRenewed, type KeyPair, openPki, type Pki } from './pki/pki.ts';
import { Claims } from './registry/allocators/claims.ts';
import { followClaims } from './registry/allocators/follow-claims.ts';
import { repairClaims, storedServices } from './registry/allocators/repair-claims.ts';
import {
  createServiceAllocators,
  restoreServiceAllocations,
  type ServiceAllocators,
} from './registry/allocators/service-allocators.ts';
import { createBuiltInStrategies } from './registry/strategies/built-in-kinds.ts';
import { componentStatuses } from './registry/component-statuses.ts';
import { ServedKinds } from './registry/kinds.ts';
import { cachedReader, objectKey } from './registry/resource-context.ts';
import type { Strategy, UserInfo } from './registry/strategy.ts';
import type { Backend } from './storage/backend.ts';
import { runCompactor } from './storage/compactor.ts';
import { createObjectStore } from './storage/create-object-store.ts';
import type { ObjectStore } from './storage/object-store.ts';
import { createPodCommands } from './streaming/pod-commands.ts';
import { agentConnections, createPodConnect } from './streaming/pod-connect.ts';

export interface ApiServerDeps {
  /** Stays open when the server stops; whoever opened it closes it. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Answers logs, exec, attach and port-forward; the agents of the nodes when absent. */
  readonly connect?: (pki: Pki) => Connect;
  /** The keys; those of the data directory when not given. */
  readonly pki?: Pki;
  /** What listens for clients of other processes; an HTTPS server when not given. */
  readonly front?: (deps: HttpServerDeps) => HttpServer;
  /** This machine's name when not given. */
  readonly hostName?: string;
  /** Kinds beside those of Kubernetes that every cluster has; none when not given. */
  readonly ownKinds?: OwnKinds;
}

export interface ApiServer {
  /** Serves until the signal aborts and everything has ended. Rejects when it cannot serve. Call it once. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the server answers requests and its own objects (namespaces, roles) are there. */
  readonly ready: Promise<void>;
  /** Where it listens, once it is ready. */
  readonly address: { readonly host: string; readonly port: number };
  /** Where the ECS API listens, if it is served, once the server is ready. */
  readonly ecsAddress: { readonly host: string; readonly port: number } | undefined;
  readonly pki: Pki;
  /** A token that holds as long as the Secret that it is kept in. */
  signAccountToken(order: LegacyTokenRequest): string;
  /** What is served now, each resource in each of its versions. */
  readonly resources: readonly ApiResource[];
  /** The same API for a caller in this process. */
  transport(user: UserInfo): Transport;
}

/** Opens the keys and loads the objects; serves when run. Throws StorageError, or an error of one line. */
export async function createApiServer(config: ApiServerConfig, deps: ApiServerDeps): Promise<ApiServer> {
  const { clock, random, log, hostName = hostname() } = deps;
  const metrics = new Metrics();
  const backend = measuredBackend(deps.backend, metrics, clock);
  const starting = new AbortController();
  const [pki, objects] = await Promise.all([
    deps.pki ?? openPki(pkiDirectory(config), { clock, random }, undefined, config.certificateValidMs),
    createObjectStore({ backend, clock, log, signal: starting.signal }),
  ]);
  addObjectCounts(metrics, () => objects.cachedCounts());
  addProcessMetrics(metrics, clock);
  const stopping = new AbortController();
  const givingUp = new AbortController();
  const { line, authorizers, tokens, tokenKinds, claims, custom } = composeLine(config, deps, {
    pki,
    objects,
    metrics,
  });
  const { kinds, reviews } = line;
  const serve = () => pki.servingCertificate(bootstrapHosts(config, hostName));
  const serving = await serve();
  const state = { isBootstrapped: false };
  const discovery = liveDiscovery(
    () => [
      ...kinds.all.map(({ api, openApiSchema }) => (openApiSchema ? { ...api, openApiSchema } : api)),
      ...reviews.map(({ api }) => api),
    ],
    { serverAddress: `${config.advertiseAddress ?? config.bindAddress}:${config.securePort}` },
  );
  kinds.onChange(() => discovery.changed());

  const createFront = deps.front ?? createHttpServer;
  const http = createFront({
    config,
    tls: { ...serving, clientCa: pki.caCertificate },
    line,
    paths: {
      discovery,
      tokens,
      metrics,
      checks: healthChecks(objects, state, stopping.signal),
      architecture: process.arch,
      causes: (path) => readCauses(path, { kinds, objects, backend }, stopping.signal),
    },
    authenticator: new Authenticator(tokenKinds, config.apiAudiences, clock),
    connect: deps.connect?.(pki) ?? createPodConnect(() => agentCredentials(pki), deps),
    metrics,
    clock,
    log,
    stopping: stopping.signal,
    givingUp: givingUp.signal,
  });

  const ready = Promise.withResolvers<void>();
  // Whoever runs the server hears of a failed start from `run`.
  ready.promise.catch(() => {});
  const address = { host: config.bindAddress, port: config.securePort };
  const ecsAddress = config.ecs && { host: config.bindAddress, port: config.ecs.port };
  const transport = (user: UserInfo) => inProcessTransport(user, line, stopping.signal);
  const ecs: EcsDialect | undefined =
    config.ecs &&
    createEcsDialect({
      ...config.ecs,
      host: config.bindAddress,
      tls: serving,
      limits: config.limits,
      objects,
      authorizer: line.authorizer,
      transport,
      clock,
      random,
      log,
      stopping: stopping.signal,
      tokenKey: pki.serviceAccountKey,
      commands: createPodCommands({ ...line, agents: agentConnections(() => agentCredentials(pki), clock) }),
    });

  async function renewServing(): Promise<KeyPair> {
    const pair = await serve();
    http.useCertificate(pair);
    ecs?.useCertificate(pair);
    return pair;
  }

  async function run(signal: AbortSignal): Promise<void> {
    const others = reviews.map(({ api }) => api);
    const apiServices = new LocalApiServices({ kinds, others, objects, clock, log });
    const policyStatus = new PolicyStatus({ kinds, objects, clock, log });
    const working: Promise<void>[] = [custom.run(stopping.signal), policyStatus.run(stopping.signal)];
    try {
      await restoreClaims(claims, objects, log);
      const listening: AddressInfo = await http.listen();
      address.port = listening.port;
      await bootstrap(transport(bootstrapUser), { config, signal });
      if (deps.ownKinds)
        await installKinds(deps.ownKinds, { transport: transport(bootstrapUser), kinds, clock, log }, signal);
      await apiServices.register(signal);
      working.push(apiServices.run(stopping.signal));
      const presence = new ServerPresence({
        transport: transport(bootstrapUser),
        clock,
        log,
        hostName,
        // A server on the loopback is reached by pods all the same: the service proxy leads them there.
        endpoint: { address: config.advertiseAddress ?? config.bindAddress, port: listening.port },
        secrets: [pki.caCertificate, pki.serviceAccountKey],
        isAlone: backend.isLocal,
      });
      if (ecs && ecsAddress) ecsAddress.port = (await ecs.listen()).port;
      await presence.join(signal);
      working.push(presence.run(stopping.signal));
      working.push(keepRenewed('serving', serving, renewServing, { clock, random, log }, stopping.signal));
      state.isBootstrapped = true;
      working.push(runCompactor({ backend, clock, log, isOurs: () => presence.isFirst }, stopping.signal));
      if (claims) working.push(repairClaims({ claims, objects, clock, log }, stopping.signal));
      ready.resolve();
      log.info({ ...address }, 'API server ready');
      await aborted(signal);
      await presence.leave(deadlineSignal(clock, leaveTimeoutMs));
    } catch (error) {
      ready.reject(error);
      if (!signal.aborted) throw error;
    } finally {
      stopping.abort();
      custom.close();
      const notForever = clock.after(config.limits.shutdownMsMax, () => givingUp.abort());
      await Promise.all([http.close(), ecs?.close(givingUp.signal), ...working]);
      notForever();
      authorizers.close();
      await objects.close();
    }
  }

  return {
    run,
    ready: ready.promise,
    address,
    ecsAddress,
    pki,
    get resources() {
      return kinds.all.map(({ api }) => api);
    },
    transport,
    signAccountToken: (order) => tokens.issueLegacy(order),
  };
}

/** What requests go through between the door and the store. */
function composeLine(
  config: ApiServerConfig,
  { backend, clock, random, log }: ApiServerDeps,
  { pki, objects, metrics }: { readonly pki: Pki; readonly objects: ObjectStore; readonly metrics: Metrics },
) {
  const read = cachedReader(objects);
  const tokens = new ServiceAccountTokens(
    pki.serviceAccountKey,
    { issuer: config.serviceAccountIssuer, apiAudiences: config.apiAudiences },
    { clock, random, read },
  );
  const { apiAudiences } = config;
  const tokenKinds = new TokenKinds([
    tokens,
    new BootstrapTokens({ clock, read, apiAudiences }),
    new StaticTokens(config.staticTokens, apiAudiences),
  ]);
  const rbac = new RbacAuthorizer(objects);
  const nodes = new NodeAuthorizer(objects);
  const authorizer = new AuthorizerChain([nodes, rbac]);
  const claims = backend.isLocal ? undefined : new Claims({ objects, clock, random, log });
  const allocators = createServiceAllocators({
    claims,
    serviceCidr: config.serviceClusterIpRange,
    nodePortRange: config.serviceNodePortRange,
  });
  restoreAllocations(allocators, objects, log);
  if (claims) followClaims(allocators, objects, log);
  const strategies = [
    ...createBuiltInStrategies({ allocators, eventTtlMs: config.eventTtlMs }),
    definitionStrategy as unknown as Strategy,
  ];
  const kinds = new ServedKinds(
    strategies,
    { objects, clock, random },
    {
      componentstatuses: () =>
        componentStatuses({
          read,
          nowMs: () => clock.nowMs(),
          askStore: () => askStore(objects, AbortSignal.timeout(storeAnswerMsMax)),
        }),
    },
  );
  const custom = new CustomResources({
    kinds,
    objects,
    clock,
    random,
    log,
    uuid: () => random.uuid(),
    call: conversionCall({ objects, read, clock, random }),
  });
  const reviews = reviewResources({
    authorizer,
    rulesFor: (user, namespace) => rbac.rulesFor(user, namespace),
    tokens: tokenKinds,
    apiAudiences: config.apiAudiences,
  });
  const admission = new Admission(pluginChain, {
    objects,
    clock,
    read,
    readNewest: async (resource, group, namespace, name, signal) =>
      (await objects.get(objectKey({ group, resource }, namespace, name), { signal }))?.object,
    random,
    metrics: new AdmissionMetrics(metrics),
    equivalents: (served) => kinds.all.filter((each) => each.store === served.store && each !== served),
    findKind: (wanted) =>
      kinds.all.find(
        ({ api }) => api.kind === wanted.kind && api.group === wanted.group && api.version === wanted.version,
      )?.api,
    rulesFor: (user, namespace) => rbac.rulesFor(user, namespace),
    may: (user, verb, resource) =>
      authorizer.decide({ kind: 'resource', user, verb, version: '*', subresource: '', ...resource }).allowed,
    mayPath: (user, verb, path) => authorizer.decide({ kind: 'path', user, verb, path }).allowed,
  });
  const line: LineParts = { kinds, reviews, authorizer, admission, clock, random, limits: config.limits, tokens, read };
  const authorizers = {
    close: () => {
      rbac.close();
      nodes.close();
    },
  };
  return { line, authorizers, tokens, tokenKinds, claims, custom };
}

/** After this time a store is said not to answer. */
const storeAnswerMsMax = 5_000;
/** A store that does not answer must not keep the server from ending. */
const leaveTimeoutMs = 2_000;

const bootstrapUser: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

async function agentCredentials(pki: Pki) {
  const { certificate, privateKey } = await pki.clientCertificate(clientIdentities.agentClient);
  return { ca: pki.caCertificate, certificate, key: privateKey };
}

function restoreAllocations(allocators: ServiceAllocators, objects: ObjectStore, log: Logger): void {
  for (const problem of restoreServiceAllocations(allocators, storedServices(objects)))
    log.warn({ problem }, 'service allocation');
}

/** Services that another version, or a store without claims, left without them. */
async function restoreClaims(claims: Claims | undefined, objects: ObjectStore, log: Logger): Promise<void> {
  const problems = (await claims?.restore(storedServices(objects))) ?? [];
  for (const problem of problems) log.warn({ problem }, 'another service has it');
}

function healthChecks(
  objects: ObjectStore,
  state: { readonly isBootstrapped: boolean },
  stopping: AbortSignal,
): readonly HealthCheck[] {
  return [
    { name: 'ping', isLiveness: true, check: () => undefined },
    {
      name: 'etcd',
      isLiveness: true,
      check: async () => {
        await askStore(objects, stopping);
        return undefined;
      },
    },
    {
      name: 'poststarthook/rbac/bootstrap-roles',
      isLiveness: false,
      check: () => (state.isBootstrapped ? undefined : 'not finished'),
    },
    { name: 'shutdown', isLiveness: false, check: () => (stopping.aborted ? 'process is shutting down' : undefined) },
  ];
}

/** Rejects when the store does not answer. */
function askStore(objects: ObjectStore, signal: AbortSignal): Promise<unknown> {
  return objects.get(objectKey({ group: '', resource: 'namespaces' }, undefined, 'default'), { signal });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
