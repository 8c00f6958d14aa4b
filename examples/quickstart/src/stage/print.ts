import { styleText } from 'node:util'

/** `3,201`. */
export function figure(value: number): string {
  return value.toLocaleString('en')
}

// Colours only where they are wanted: styleText looks at NO_COLOR and at what stdout is.

export function good(text: string): string {
  return styleText('green', text)
}

export function bad(text: string): string {
  return styleText('red', text)
}

export function strong(text: string): string {
  return styleText('bold', text)
}

export function faint(text: string): string {
  return styleText('dim', text)
}
