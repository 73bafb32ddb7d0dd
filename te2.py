import sys
src=open("/tmp/me/out2/te.py").read().split('if __name__')[0]
for tag in ("tz","tzm"):
    exec(src.replace("out2/tz.pt",f"out2/{tag}.pt"))
    for gs in ([["likelihood"],["reconstruction"],["neighbors"]],[["likelihood"],["reconstruction"],["neighbors"],["ratio20"]],[["likelihood"],["reconstruction"],["neighbors"],["neighbors","ratio20"]],[["likelihood"],["reconstruction"],["neighbors","ratio20"]]):
        for mode,t,s in (("zr",.5,.25),("zr",.5,.5),("zr",.3,.5),("zr",1,.5),("r",.5,.5)):
            print(tag,len(gs),gs[-1],mode,t,s,ev(mk(mode,t,s),gs),flush=True)
