/** A client of one etcd, with what the package does not do by itself the way a store needs it. */
import { circuitBreaker, ConsecutiveBreaker, handleWhen, noop } from 'cockatiel';
import { isIP } from 'node:net';
import type { SecureClientSessionOptions } from 'node:http2';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { Etcd3, type IOptions, isRecoverableError } from 'etcd3';

export interface EtcdClientOptions {
  /** `http://HOST:PORT` or `https://HOST:PORT` of each member. */
  readonly endpoints: readonly string[];
  /** PEM. A client certificate goes with its key. */
  readonly tls?: { readonly ca: Buffer; readonly certificate?: Buffer; readonly key?: Buffer };
}

/** Above any response: etcd itself does not bound them, and a page of large objects passes gRPC's default of 4 MiB. */
const responseBytesMax = 512 * 1024 * 1024;

/** A member that failed three times in a row is left alone for this time, when there are others. */
const memberPauseMs = 1_000;

export function createEtcdClient(options: EtcdClientOptions): Etcd3 {
  const client = new Etcd3(clientOptions(options));
  if (options.tls) checkAddresses(client, options.endpoints, options.tls);
  return client;
}

/** What is sent as the name of a server that is known by its address only: TLS knows no addresses there, and Node refuses them. */
const namelessServer = 'etcd';

/** Members known by address: what their certificates must be good for is the address, whatever name was sent. */
function checkAddresses(
  client: Etcd3,
  endpoints: readonly string[],
  { ca, certificate, key }: NonNullable<EtcdClientOptions['tls']>,
): void {
  // The package has no other way to hand in a check; the fields are its own.
  const { hosts } = (client as unknown as { readonly pool: { readonly hosts: { channelCredentials: unknown }[] } })
    .pool;
  endpoints.forEach((endpoint, i) => {
    const address = addressOf(endpoint);
    const host = hosts[i];
    if (address === undefined || !host) return;
    host.channelCredentials = credentials.createSsl(ca, key ?? null, certificate ?? null, {
      checkServerIdentity: (_, shown) => checkServerIdentity(address, shown),
    });
  });
}

/** The same for an HTTP/2 session of our own. */
export function sessionOptions(endpoint: string, tls: EtcdClientOptions['tls']): SecureClientSessionOptions {
  if (!tls) return {};
  const address = addressOf(endpoint);
  const check = (_: string, shown: PeerCertificate) => checkServerIdentity(address ?? '', shown);
  return {
    ca: tls.ca,
    ...(tls.key ? { key: tls.key } : {}),
    ...(tls.certificate ? { cert: tls.certificate } : {}),
    ...(address === undefined ? {} : { servername: namelessServer, checkServerIdentity: check }),
  };
}

function addressOf(endpoint: string): string | undefined {
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? undefined : host;
}

function clientOptions({ endpoints, tls }: EtcdClientOptions): IOptions {
  const isAlone = endpoints.length === 1;
  const isKnownByAddress = endpoints.every((endpoint) => addressOf(endpoint) !== undefined);
  const pause = () =>
    circuitBreaker(handleWhen(isRecoverableError), {
      halfOpenAfter: memberPauseMs,
      breaker: new ConsecutiveBreaker(3),
    });
  return {
    hosts: [...endpoints],
    grpcOptions: {
      'grpc.max_receive_message_length': responseBytesMax,
      'grpc.enable_channelz': 0,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      // etcd takes no more than one in five seconds.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 3_000,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      ...(tls && isKnownByAddress ? { 'grpc.ssl_target_name_override': namelessServer } : {}),
    },
    // The client's own retries would repeat writes.
    faultHandling: { global: noop, host: isAlone ? () => noop : pause },
    ...(tls ? { credentials: credentialsFrom(tls) } : {}),
  };
}

function credentialsFrom(tls: NonNullable<EtcdClientOptions['tls']>): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: tls.ca,
    ...(tls.key ? { privateKey: tls.key } : {}),
    ...(tls.certificate ? { certChain: tls.certificate } : {}),
  };
}
