// A line follows the sound through spectrogram and matrix.
for (const figure of document.querySelectorAll("figure.panel")) {
  const sound = figure.querySelector("audio");
  const lines = figure.querySelectorAll(".playhead");
  const draw = () => {
    const share = sound.duration ? sound.currentTime / sound.duration : 0;
    for (const line of lines) {
      line.setAttribute("transform", `translate(${share * line.dataset.width} 0)`);
      line.classList.toggle("on", sound.currentTime > 0 && !sound.ended);
    }
    if (!sound.paused) requestAnimationFrame(draw);
  };
  for (const event of ["play", "pause", "seeked", "ended"]) sound.addEventListener(event, draw);
}
