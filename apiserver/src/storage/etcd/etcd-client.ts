/** A client of one etcd, with what the package does not do by itself the way a store needs it. */
import { circuitBreaker, ConsecutiveBreaker, handleWhen, noop } from 'cockatiel';
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
  return new Etcd3(clientOptions(options));
}

function clientOptions({ endpoints, tls }: EtcdClientOptions): IOptions {
  const isAlone = endpoints.length === 1;
  const pause = () =>
    circuitBreaker(handleWhen(isRecoverableError), {
      halfOpenAfter: memberPauseMs,
      breaker: new ConsecutiveBreaker(3),
    });
  return {
    hosts: [...endpoints],
    grpcOptions: { 'grpc.max_receive_message_length': responseBytesMax, 'grpc.keepalive_time_ms': 10_000 },
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
