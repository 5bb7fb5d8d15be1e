import { createECDH, createPrivateKey } from 'node:crypto';
import type { Pki } from '@slipway/apiserver';

/** Good for a hundred years, and for nothing: its key was thrown away. */
const certificate = `${[
  '-----BEGIN CERTIFICATE-----',
  'MIIBfjCCASWgAwIBAgIUNgf90p6kj4My2Zm8zzoZH0A8/v8wCgYIKoZIzj0EAwIw',
  'FDESMBAGA1UEAwwJc2ltdWxhdGVkMCAXDTI2MTEyMTA2NDE1OVoYDzIxMjYxMDI4',
  'MDY0MTU5WjAUMRIwEAYDVQQDDAlzaW11bGF0ZWQwWTATBgcqhkjOPQIBBggqhkjO',
  'PQMBBwNCAAS2ejZM7bs3kesEtII7AnOrw6zXsezld4OSeYcyNaSqNC5afaxvuxSg',
  'buBgLUaBOXGErYuzsjXDGy+z6cs1TXEqo1MwUTAdBgNVHQ4EFgQUaC1fG4tK9RVg',
  'plMtRgXC+J7ZYkswHwYDVR0jBBgwFoAUaC1fG4tK9RVgplMtRgXC+J7ZYkswDwYD',
  'VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAxEiL3dNlx6KhEpOLBh1fY',
  'w9iDZ9JEVYbF17Whe2Ao3wIgO+QHWFqWscvxw+2/ZOcNinzAYKEPU13l3a7i/Fl2',
  'amM=',
  '-----END CERTIFICATE-----',
].join('\n')}\n`;
const pair = { certificate, privateKey: '' };

/**
 * Keys and certificates would be different in every run, and nobody here checks them: nothing listens. Only the key that signs
 * tokens is a real one, the same in every run.
 */
export const simulatedPki: Pki = {
  caCertificate: certificate,
  serviceAccountKey: signingKey(),
  servingCertificate: () => Promise.resolve(pair),
  clientCertificate: () => Promise.resolve(pair),
  agentServingCertificate: () => Promise.resolve(pair),
  issueClientCertificate: () => Promise.resolve(pair),
  signRequest: () => Promise.reject(new Error('certificates are not simulated')),
};

function signingKey(): string {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(Buffer.alloc(32, 7));
  const point = curve.getPublicKey();
  const coordinate = (from: number) => point.subarray(from, from + 32).toString('base64url');
  const key = {
    kty: 'EC',
    crv: 'P-256',
    d: Buffer.alloc(32, 7).toString('base64url'),
    x: coordinate(1),
    y: coordinate(33),
  };
  return createPrivateKey({ key, format: 'jwk' }).export({ format: 'pem', type: 'pkcs8' }).toString();
}
