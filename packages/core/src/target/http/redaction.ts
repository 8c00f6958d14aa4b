import type { HttpHeaders } from './http-options.ts'

/** Shorter ones are words rather than credentials, and would spoil a message. */
const shortestCredential = 6

/** Headers that say nothing worth hiding. */
const plainHeaders = new Set(['accept', 'accept-language', 'content-type', 'user-agent'])

/**
 * Takes the values of headers out of a text, whole and word by word: an application that answers with
 * what it was sent would bring a token into dead letters and logs.
 */
export function redactionOf(headers: HttpHeaders): (text: string) => string {
  const values = Object.entries(headers)
    .filter(([name]) => !plainHeaders.has(name.toLowerCase()))
    .flatMap(([, value]) => [value, ...value.split(/[\s,;=]+/)])
    .filter(({ length }) => length >= shortestCredential)
  return (text) =>
    values.reduce((redacted, value) => redacted.replaceAll(value, '[redacted]'), text)
}
