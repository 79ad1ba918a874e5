"""How the stand-ins' pages look: dark on light, a contrast of 7 and more for words, large targets."""

STYLE = """
:root{color-scheme:light}
body{font:1.05rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;
  padding:0 1rem 3rem;color:#1a1a1a;background:#fff;overflow-wrap:anywhere}
.warning{background:#fff3c4;border:2px solid #8a5a00;padding:.8rem 1rem;margin:1rem 0}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
nav a{margin-right:1rem}a{color:#0b4ea2}
h1{margin:.5rem 0 0;line-height:1.25}h2{font-size:1.25rem;margin:0}h3{font-size:1rem;margin:1rem 0 .5rem}
.meta{color:#4a4a4a;font-size:.9rem;margin:.2rem 0}.text{margin:.2rem 0}
.post{border:1px solid #8c8c8c;border-radius:.4rem;padding:1rem;margin:1.5rem 0}
.comment{border-left:3px solid #8c8c8c;padding:.2rem 0 .2rem .8rem;margin:.8rem 0}
.comment .comment{margin-left:.6rem}.comment .comment.deep{margin-left:0}
.comment:target{background:#eaf2fd}.comment.page{border-color:#0b4ea2;border-left-width:6px}
.official{background:#0b4ea2;color:#fff;padding:0 .4rem;border-radius:.2rem}
.forms{display:flex;flex-wrap:wrap;gap:.2rem 1rem}details[open]{flex-basis:100%}
summary{color:#0b4ea2;cursor:pointer;padding:.3rem 0}
label{display:block;margin:.5rem 0 .2rem}
textarea{width:100%;box-sizing:border-box;font:inherit;border:1px solid #6b6b6b;border-radius:.2rem;padding:.4rem}
select{max-width:100%;margin-right:.6rem}
select,button{font:inherit;padding:.45rem .8rem;min-height:2.75rem;border:1px solid #6b6b6b;
  border-radius:.2rem;background:#fff;color:inherit}
button{background:#0b4ea2;border-color:#0b4ea2;color:#fff;cursor:pointer;margin:.5rem 0}
:focus-visible{outline:3px solid #c25a00;outline-offset:2px}
"""
