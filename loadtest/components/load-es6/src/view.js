const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (value) => String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]);

const row = ({ id, title, price, isEven }) =>
  `<li class="${isEven ? 'even' : 'odd'}" data-id="${id}"><b>${escapeHtml(title)}</b> ${price}</li>`;

export default ({ greeting, items }) =>
  `<section><h2>${escapeHtml(greeting)}</h2><ul>${items.map(row).join('')}</ul></section>`;
