// Lets the button of each gallery on the page show the next picture. Runs once for every gallery
// that is put on the page, so it leaves alone those that it has wired before.
(function () {
  'use strict';

  function wire(gallery) {
    var figures = Array.from(gallery.querySelectorAll('.ochre-gallery__figure'));

    gallery.querySelector('.ochre-gallery__next').addEventListener('click', function () {
      var shown = figures.findIndex(function (figure) {
        return !figure.hidden;
      });
      figures[shown].hidden = true;
      figures[(shown + 1) % figures.length].hidden = false;
    });
    gallery.dataset.wired = 'true';
  }

  document.querySelectorAll('.ochre-gallery:not([data-wired])').forEach(wire);
})();
