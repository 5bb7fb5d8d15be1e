// Which form of a document an Accept header asks for. Ranges are taken in the order of the header: the clients that ask for these forms
// list them by preference and use no weights.

export type OpenApiV2Form = 'json' | 'protobuf';

export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** The name that clients ask by; the @ makes it an illegal media type, so answers carry the other. */
const openApiV2ProtobufOldType = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

function mediaRanges(accept: string | undefined): MediaRange[] {
  return (accept || '*/*').split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    return {
      type: type.toLowerCase(),
      parameters: new Map(parameters.map((part) => part.split('=', 2) as [string, string])),
    };
  });
}

function isJson({ type }: MediaRange): boolean {
  return type === 'application/json' || type === 'application/*' || type === '*/*';
}

/** The form of /openapi/v2; undefined (406) when the client takes neither. */
export function openApiV2Form(accept: string | undefined): OpenApiV2Form | undefined {
  for (const range of mediaRanges(accept)) {
    if (isJson(range)) return 'json';
    if (range.type === openApiV2ProtobufType || range.type === openApiV2ProtobufOldType) return 'protobuf';
  }
  return undefined;
}

/** The version of the aggregated form of /api and /apis; undefined for the plain form. */
export function aggregatedVersion(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const range of mediaRanges(accept)) {
    const version = range.parameters.get('v');
    if (range.parameters.get('as') === 'APIGroupDiscoveryList' && range.parameters.get('g') === 'apidiscovery.k8s.io') {
      if (isJson(range) && (version === 'v2' || version === 'v2beta1')) return version;
    } else if (isJson(range)) {
      return undefined;
    }
  }
  return undefined;
}
