/** Messages that JSON writes as something else: times and quantities as text, embedded objects as themselves. */
import { fromBase64 } from './base64.ts';
import { ProtobufError } from './protobuf-error.ts';
import type { WireWriter } from './wire-writer.ts';

/** What a message is made of, for those that are not compiled from the table. */
export interface SpecialMessage {
  /** Appends the message's fields. Throws ProtobufError for a value that is none of its kind. */
  encode(writer: WireWriter, value: unknown): void;
  /** From the fields' names to the JSON value; undefined = there is none. */
  fromFields(fields: Readonly<Record<string, unknown>>): unknown;
}

const tagOf = (number: number, wireType: number) => number * 8 + wireType;
const text1 = tagOf(1, 2);
const varint1 = tagOf(1, 0);
const varint2 = tagOf(2, 0);
const text3 = tagOf(3, 2);

const quantity: SpecialMessage = {
  encode: (writer, value) => {
    writer.varint(text1);
    writer.text(String(value));
  },
  fromFields: ({ string }) => (string === undefined || string === '' ? '0' : string),
};

const intOrString: SpecialMessage = {
  encode: (writer, value) => {
    const isText = typeof value === 'string';
    writer.varint(varint1);
    writer.varint(isText ? 1 : 0);
    writer.varint(isText ? text3 : varint2);
    if (isText) writer.text(value);
    else writer.int64(Number(value));
  },
  fromFields: ({ type, intVal, strVal }) => (type === 1 ? (strVal ?? '') : (intVal ?? 0)),
};

/** Go's zero time, "none", is an empty message. */
function time(digits: 0 | 6): SpecialMessage {
  return {
    encode: (writer, value) => {
      const ms = Date.parse(String(value));
      if (Number.isNaN(ms)) throw new ProtobufError(`${JSON.stringify(value)} is no time`);
      writer.varint(varint1);
      writer.int64(Math.floor(ms / 1000));
      const fraction = digits === 0 ? '' : (/\.(\d{1,6})/.exec(String(value))?.[1] ?? '');
      if (fraction === '') return;
      writer.varint(varint2);
      writer.varint(Number(fraction.padEnd(6, '0')) * 1000);
    },
    fromFields: ({ seconds, nanos = 0 }) => {
      if (seconds === undefined) return undefined;
      const second = textOfSecond(Number(seconds));
      return digits === 0 ? `${second}Z` : `${second}.${String(Math.floor(Number(nanos) / 1000)).padStart(6, '0')}Z`;
    },
  };
}

/** The years 0 to 9999 are what RFC 3339 can write. */
function textOfSecond(seconds: number): string {
  if (!(seconds >= -62_167_219_200 && seconds <= 253_402_300_799)) throw new ProtobufError('a time is out of range');
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

/** A JSON value as the bytes of its text. */
const json: SpecialMessage = {
  encode: (writer, value) => {
    writer.varint(text1);
    writer.text(JSON.stringify(value));
  },
  fromFields: ({ raw, Raw }) => jsonFrom(raw ?? Raw),
};

/** `bytes` fields come as base64, as in JSON. */
function jsonFrom(base64: unknown): unknown {
  if (typeof base64 !== 'string' || base64 === '') return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(fromBase64(base64)));
  } catch (error) {
    throw new ProtobufError('an embedded object is no JSON', { cause: error });
  }
}

/** A list of strings that is a message of its own, because protobuf has no map of lists. */
const texts: SpecialMessage = {
  encode: (writer, value) => {
    for (const item of value as readonly unknown[]) {
      writer.varint(text1);
      writer.text(String(item));
    }
  },
  fromFields: ({ items }) => items ?? [],
};

/** By their short names. */
export const specialMessages: Readonly<Record<string, SpecialMessage>> = {
  Quantity: quantity,
  QuantityValue: quantity,
  IntOrString: intOrString,
  Time: time(0),
  MicroTime: time(6),
  FieldsV1: json,
  RawExtension: json,
  JSON: json,
  ExtraValue: texts,
  Verbs: texts,
};
